"""Where the origins of a backtest lie, in rows and in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.backtest import origin_runs
from pipelines.backtesting.windows import Windows
from pipelines.errors import ConfigError
from pipelines.panel import Panel

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Origins:
    """Origins of a backtest: the windows of a series are counted from its end.

    Attributes:
        series: ``(runs,)`` positions of the series that have a window.
        rows: ``(runs, windows)`` rows of the origins, oldest first.
        exist: ``(runs, windows)`` whether the series has begun by then.
        rank: ``(runs, windows)`` place of the cutoff's stamp among ``stamps``; -1 where there is no origin.
        stamps: ``(cutoffs,)`` the cutoffs, sorted, as the panel gives stamps.
        step: Rows from one origin to the next.
    """

    series: Ints
    rows: Ints
    exist: Mask
    rank: Ints
    stamps: npt.NDArray[np.generic]
    step: int

    @classmethod
    def of(cls, panel: Panel, windows: Windows) -> Origins:
        """Lay the windows into a panel.

        Args:
            panel: The series.
            windows: What is asked for.

        Returns:
            The origins. A series has as many windows as follow one row of it at least.

        Raises:
            ConfigError: If no series is longer than the horizon, or so many windows fit none.
        """
        series, newest, count = origin_runs(panel, windows.horizon, windows.n_windows, windows.step)
        if count < windows.n_windows:
            raise ConfigError(
                "n_windows must leave a row before the first window of some series. Received: "
                f"n_windows={windows.n_windows} and step={windows.step}, where the longest series has room "
                f"for {count}; ask for fewer."
            )
        rows = newest[:, None] - windows.step * np.arange(count - 1, -1, -1)
        first = panel.indptr[series][:, None]
        exist = rows >= first
        owner = np.broadcast_to(series[:, None], rows.shape)[exist]
        found = panel.freq.advance(panel.starts[owner], (rows - first)[exist])
        stamps, place = np.unique(found, return_inverse=True)
        rank = np.full(rows.shape, -1)
        rank[exist] = place
        return cls(series, rows, exist, rank, stamps, windows.step)

    def run(self, chosen: Mask) -> tuple[Ints, Ints, int]:
        """Say how to compute some origins, neighbors in each series, in one pass.

        Args:
            chosen: ``(runs, windows)`` which.

        Returns:
            Numbers of the runs that have any, number of the newest chosen window of each, and the largest
            number of windows of any.
        """
        some = np.flatnonzero(chosen.any(axis=1))
        newest = chosen.shape[1] - 1 - np.argmax(chosen[some, ::-1], axis=1)
        return some, newest, int((newest + 1 - np.argmax(chosen[some], axis=1)).max())
