"""Forecasts at a glance on a terminal: a line of blocks for each series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from rich.markup import escape
from rich.table import Table

from pipelines.wording import number

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.results import ForecastResult

BLOCKS: Final = "▁▂▃▄▅▆▇█"
_WIDTH: Final = 24
_SHOWN: Final = 6  # series


def sparkline(values: Sequence[float] | npt.NDArray[np.float64], low: float, high: float) -> str:
    """Write values as blocks of eight heights, a blank where there is none.

    Args:
        values: From left to right; at most 24 are written, of more the means of stretches.
        low: Value of the lowest block.
        high: Value of the highest.

    Returns:
        Text.

    Example:
        >>> sparkline([0.0, 1.0, float("nan"), 7.0], low=0.0, high=7.0)
        '▁▂ █'
    """
    parts = np.array_split(np.asarray(values, dtype=float), min(len(values), _WIDTH) or 1)
    means = [float(np.mean(part[np.isfinite(part)])) if np.isfinite(part).any() else np.nan for part in parts]
    span = high - low
    if not (np.isfinite(span) and span > 0):
        return "".join(" " if np.isnan(mean) else BLOCKS[0] for mean in means)
    places = [mean if np.isnan(mean) else (len(BLOCKS) - 1) * (mean - low) / span for mean in means]
    return "".join(" " if np.isnan(at) else BLOCKS[round(min(max(at, 0), len(BLOCKS) - 1))] for at in places)


def show_forecasts(console: Console, result: ForecastResult) -> None:
    """Print the last values and the forecasts of a few series, first to last.

    Args:
        console: Where to.
        result: The forecast.
    """
    id_col, _, target_col = result.columns
    ids = list(result.forecast[id_col].unique())
    some = (
        [ids[place] for place in np.unique(np.linspace(0, len(ids) - 1, _SHOWN).astype(int))] if ids else []
    )
    few = f", for {len(some)} of {len(ids):,} series" * (len(some) < len(ids))
    table = Table("Series", "Before", "Forecast", title=f"The next {result.horizon}{few}")
    for heading in ("Lowest", "Highest"):
        table.add_column(heading, justify="right")
    pasts = result.history[result.history[id_col].isin(some)].groupby(id_col)[target_col]
    for name in some:
        ahead = result.forecast.loc[result.forecast[id_col] == name, result.alias].to_numpy(dtype=float)
        past = pasts.get_group(name).to_numpy(dtype=float) if name in pasts.groups else np.zeros(0)
        seen = np.concatenate([past[np.isfinite(past)], ahead])
        low, high = float(seen.min()), float(seen.max())
        lines = (sparkline(past, low, high), sparkline(ahead, low, high))
        table.add_row(escape(str(name)), *lines, number(float(ahead.min())), number(float(ahead.max())))
    if some:
        console.print(table)
