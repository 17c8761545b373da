"""How much of the past is held out of the training, to test the forecasts on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.errors import ConfigError
from pipelines.panel import Panel

MIN_WINDOWS, MAX_WINDOWS = 5, 28
SHARE = 5  # a fifth of the typical series at most: the rest must still teach what the whole would


@dataclass(frozen=True)
class HeldOut:
    """The last rows of every series, which the training does not see.

    Args:
        n_windows: Forecast origins to test at; 0 if nothing can be held out.
        step: Rows between two origins.
        rows: Rows held out at the end of each series.
        keep: Rows that a series must have before them to be tested.
        reason: Why nothing is held out; empty if something is.

    Example:
        >>> HeldOut(n_windows=3, step=6, rows=24, keep=24).reason
        ''
    """

    n_windows: int
    step: int
    rows: int
    keep: int
    reason: str = ""

    def tested(self, panel: Panel) -> Panel:
        """Return the series that are long enough to be tested.

        Args:
            panel: The data.

        Returns:
            A panel of some of the series.
        """
        return panel.select(panel.lengths >= self.rows + self.keep)


def hold_out(
    panel: Panel,
    horizon: int,
    season_length: int,
    n_windows: int | None = None,
    step: int | None = None,
    fitted: bool = False,
) -> HeldOut:
    """Decide which rows to hold out.

    Origins lie a horizon apart, so that windows do not overlap and tell as much as they can of whether skill
    is chance; half a horizon where the last fifth of the median series has no room for five of those. There
    are as many as fit into that fifth, at least one and at most 28. A series is tested if a season and a
    horizon remain before its first held-out row: what seasonal naive needs to repeat, and what there is to
    learn a whole forecast from. If no series is that long, nothing is held out.

    Args:
        panel: The data.
        horizon: Steps ahead.
        season_length: Steps in a season.
        n_windows: Number of origins instead.
        step: Rows between two origins instead.
        fitted: Whether nothing is to be learned from these data: a season is then enough before the first
            held-out row.

    Returns:
        The rows to hold out.

    Raises:
        ConfigError: ``n_windows`` or ``step`` is not positive, or so many windows fit no series.

    Example:
        >>> import pandas as pd
        >>> days = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2024", periods=366), "y": range(366)})
        >>> hold_out(Panel.from_frame(days), horizon=14, season_length=7)
        HeldOut(n_windows=5, step=14, rows=70, keep=21, reason='')
    """
    for name, value in (("n_windows", n_windows), ("step", step)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be a positive integer. Received: {value}.")
    spare = int(np.median(panel.lengths)) // SHARE
    step = step or (horizon if spare >= MIN_WINDOWS * horizon else max(1, horizon // 2))
    keep = season_length if fitted else season_length + horizon
    longest = int(panel.lengths.max())
    if longest < keep + horizon:
        reason = (
            f"Nothing was held out for a backtest: at horizon {horizon} and season {season_length} that "
            f"takes a series of {keep + horizon} rows, and the longest has {longest}."
        )
        return HeldOut(0, step, 0, keep, reason)
    fitting = 1 + (longest - keep - horizon) // step
    if n_windows is not None and n_windows > fitting:
        raise ConfigError(
            f"n_windows must leave {keep} rows before the first of them in some series. Received: "
            f"n_windows={n_windows} and step={step}, where the longest series has room for {fitting}; ask "
            "for fewer, or a smaller step."
        )
    n_windows = n_windows or min(max(1 + (spare - horizon) // step, 1), MAX_WINDOWS, fitting)
    return HeldOut(n_windows, step, horizon + (n_windows - 1) * step, keep)
