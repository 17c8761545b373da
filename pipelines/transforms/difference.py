"""Changes since the same season before."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipelines.panel import Panel
from pipelines.transforms.step import Applied, Floats, Ints, finite


@dataclass(frozen=True)
class Difference:
    """Change of each value to the last one known of the same season before it.

    A step ahead is forecast as its change to the last value of its season that is known at the origin: for
    the second season ahead that is two seasons back, and the forecast that of the sum of two changes. So the
    way back only adds what is known, and quantiles stay quantiles. Where the season of a step has no value
    yet, the last value of any season takes its place, and 0 before there is one.

    Attributes:
        season_length: Steps in a season.
    """

    season_length: int

    @property
    def note(self) -> str:
        """The name and the season."""
        return f"changes over {self.season_length} rows"

    def apply(self, panel: Panel) -> Applied:
        """Take differences; see ``Step``."""
        lag, begin = self.season_length, panel.indptr[:-1]
        of_season = last_known(panel.values, panel.indptr, lag)
        newest = last_known(panel.values, panel.indptr, 1)
        before = np.full(panel.n_rows, np.nan)
        before[lag:] = of_season[: max(panel.n_rows - lag, 0)]
        before[np.arange(panel.n_rows) < np.repeat(begin, panel.lengths) + lag] = np.nan

        def inverse(forecast: Floats, series: Ints, origins: Ints) -> Floats:
            steps = np.arange(forecast.shape[2]) % lag + 1 - lag
            row = origins[..., None] + steps
            known = np.where(row >= begin[series, None, None], of_season[np.maximum(row, 0)], np.nan)
            known = np.where(np.isnan(known), newest[np.maximum(origins, 0)][..., None], known)
            with np.errstate(over="ignore"):
                return finite(forecast + np.nan_to_num(known)[..., None])

        with np.errstate(over="ignore"):
            return Applied(finite(panel.values - before), inverse)

    def to_dict(self) -> dict[str, Any]:
        """Return the season by name."""
        return asdict(self)


def last_known(values: Floats, indptr: Ints, lag: int) -> Floats:
    """Newest known value at each row, or ``lag``, ``2 * lag``, ... rows before it, within its series.

    Args:
        values: ``(rows,)``, NaN where nothing was observed.
        indptr: ``(series + 1,)`` row pointers.
        lag: Rows in a season.

    Returns:
        ``(rows,)``, NaN where there is none.

    Example:
        >>> values = np.array([1.0, 2.0, np.nan, 4.0, np.nan])
        >>> last_known(values, np.array([0, 5]), lag=2)
        array([1., 2., 1., 4., 1.])
    """
    lengths = np.diff(indptr)
    place = np.arange(len(values)) - np.repeat(indptr[:-1], lengths)
    # Rows by series and season, in the order of time.
    order = np.lexsort((place, place % lag, np.repeat(np.arange(len(lengths)), lengths)))
    first = np.flatnonzero(place[order] < lag)
    newest = np.maximum.accumulate(np.where(np.isnan(values[order]), -1, np.arange(len(values))))
    none_yet = newest < np.repeat(first, np.diff(first, append=len(values)))
    found = np.empty(len(values))
    found[order] = np.where(none_yet, np.nan, values[order][newest])
    return found
