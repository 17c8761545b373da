"""The rows of a backtest as arrays: which series, which cutoff, how many steps ahead.

Baselines and metrics read every backtest through this module, so both mean the same by a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipelines.errors import PanelError
from pipelines.frequency import OFF_GRID
from pipelines.panel import read_stamps, show

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.panel import Panel

BASELINES: Final = ("Naive", "SeasonalNaive", "Drift", "WindowAverage")
"""Names of the baselines, which are also the names of their columns."""


@dataclass(frozen=True)
class Folds:
    """Where each row of a backtest belongs. A pair is one series at one cutoff; pairs are sorted by both.

    Attributes:
        ids: Ids of the series of the backtest, in order of first appearance; shape ``(series,)``.
        cutoffs: Distinct cutoffs, sorted; shape ``(cutoffs,)``.
        series: Number of the series of each row; shape ``(rows,)``, as are ``pair`` and ``step``.
        pair: Number of the pair of each row.
        step: Steps ahead of the cutoff of each row, from 1.
        pair_series: Number of the series of each pair; shape ``(pairs,)``, as are the rest.
        pair_cutoff: Number of the cutoff of each pair.
        pair_position: Position of the cutoff on the grid of the frequency.
        pair_owner: Number of the series in the panel; -1 if the panel lacks it.
        pair_known: Rows of the series in the panel up to the cutoff.
        pair_row: Row of the panel at the cutoff; -1 if the panel has no such row.
    """

    ids: pd.Index[Any]
    cutoffs: pd.Index[Any]
    series: NDArray[np.int64]
    pair: NDArray[np.int64]
    step: NDArray[np.int64]
    pair_series: NDArray[np.int64]
    pair_cutoff: NDArray[np.int64]
    pair_position: NDArray[np.int64]
    pair_owner: NDArray[np.int64]
    pair_known: NDArray[np.int64]
    pair_row: NDArray[np.int64]

    @property
    def horizon(self) -> int:
        """Largest number of steps ahead."""
        return int(self.step.max())

    def take(self, rows: NDArray[np.bool_]) -> Folds:
        """Return the numbers of some of the rows; pairs and series stay, even those left without rows."""
        return replace(self, series=self.series[rows], pair=self.pair[rows], step=self.step[rows])

    @classmethod
    def from_frame(cls, backtest: pd.DataFrame, panel: Panel) -> Folds:
        """Number the series, cutoffs and steps of a backtest, whose rows may come in any order.

        Args:
            backtest: Columns of the panel and ``cutoff``, the last stamp that was known.
            panel: The history that the backtest was made from; gives column names and frequency.

        Returns:
            The numbers of every row.

        Raises:
            PanelError: If the frame is empty, lacks a column, has a row twice, or holds a stamp that is not
                a whole number of steps after its cutoff.

        Example:
            >>> import pandas as pd
            >>> from pipelines.panel import Panel
            >>> panel = Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3], "y": 1.0}), freq=1)
            >>> backtest = pd.DataFrame({"unique_id": "a", "cutoff": 1, "ds": [3, 2], "y": 1.0})
            >>> folds = Folds.from_frame(backtest, panel)
            >>> folds.step.tolist(), folds.pair_row.tolist()
            ([2, 1], [0])
        """
        _check_columns(backtest, panel)
        columns = panel.columns
        series, ids = pd.factorize(backtest[columns.id_col])
        cutoff, cutoffs = pd.factorize(backtest["cutoff"], sort=True)
        stamp, stamps = pd.factorize(backtest[columns.time_col])
        position, phase = _grid(panel, pd.Index(cutoffs), "cutoff")
        ahead, ahead_phase = _grid(panel, pd.Index(stamps), columns.time_col)
        step = ahead[stamp] - position[cutoff]
        wrong = (step < 1) | (ahead_phase[stamp] != phase[cutoff]) | (ahead_phase[stamp] == OFF_GRID)
        if wrong.any():
            raise PanelError(
                f"Every {columns.time_col!r} of a backtest must be a whole number of steps of "
                f"freq={panel.freq.text!r} after its 'cutoff', the last known stamp. Received: "
                f"{int(wrong.sum())} rows that are not, first {_first(backtest, wrong, panel)}; correct them."
            )
        pair, keys = pd.factorize(series * len(cutoffs) + cutoff, sort=True)
        again = np.bincount(pair * step.max() + step - 1)[pair * step.max() + step - 1] > 1
        if again.any():
            raise PanelError(
                "A backtest must hold each series, cutoff and stamp once. Received: several rows for "
                f"{_first(backtest, again, panel)}; drop the duplicates."
            )
        pair_series, pair_cutoff = keys // len(cutoffs), keys % len(cutoffs)
        start, start_phase = panel.freq.locate(panel.starts)
        owner = pd.Index(panel.ids).get_indexer(pd.Index(ids))[pair_series]
        length = np.where(owner < 0, 0, panel.lengths[owner])
        offset = position[pair_cutoff] - start[owner]
        inside = (offset >= 0) & (offset < length) & (phase[pair_cutoff] == start_phase[owner])
        return cls(
            ids=pd.Index(ids),
            cutoffs=pd.Index(cutoffs),
            series=series,
            pair=pair,
            step=step,
            pair_series=pair_series,
            pair_cutoff=pair_cutoff,
            pair_position=position[pair_cutoff],
            pair_owner=owner,
            pair_known=np.clip(offset + 1, 0, length),
            pair_row=np.where(inside, panel.indptr[owner] + offset, -1),
        )


def _check_columns(backtest: pd.DataFrame, panel: Panel) -> None:
    """Check that a backtest has rows, and the columns that a panel's backtest has."""
    columns = panel.columns
    needed = (columns.id_col, columns.time_col, "cutoff", columns.target_col)
    missing = [name for name in needed if name not in backtest.columns]
    if missing:
        raise PanelError(
            f"A backtest must have the columns {', '.join(map(repr, needed))}. Received: a frame without "
            f"{', '.join(map(repr, missing))}; pass one made by `backtest`."
        )
    if backtest.empty:
        raise PanelError(
            "A backtest must have at least one row. Received: an empty frame; ask for more windows."
        )


def _grid(panel: Panel, stamps: pd.Index[Any], name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return positions and phases of stamps on the panel's grid."""
    found = read_stamps(pd.Series(stamps, name=name), period_ends=panel.freq.mark.endswith("end"))
    if found.is_integer != panel.freq.is_integer:
        raise PanelError(
            f"Column {name!r} of a backtest must hold {'integers' if panel.freq.is_integer else 'times'} at "
            f"freq={panel.freq.text!r}. Received: {stamps[0]!r}; pass the panel that it was made from."
        )
    found = found if panel.freq.is_clock else found.in_wall_time()
    return panel.freq.locate(found.unique[found.codes])


def _first(backtest: pd.DataFrame, chosen: NDArray[np.bool_], panel: Panel) -> str:
    row = backtest.iloc[int(np.argmax(chosen))]
    time_col = panel.columns.time_col
    return f"series {show(row[panel.columns.id_col])}, cutoff {row['cutoff']}, {time_col} {row[time_col]}"
