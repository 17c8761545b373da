"""Forecasts of every row from every origin near before it, and where in them lies what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.backtest import at_probability
from pipelines.conformal import normal_scores
from pipelines.fitted import Fitted
from pipelines.panel import Panel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Numbers that the quantiles of one call may take.
_BLOCK: Final = 2**23


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of the rows of one series: entry ``j`` is made after row ``j - 1``, of rows from ``j`` on.

    Attributes:
        quantiles: ``(rows, horizon, probabilities)``.
        floor: ``(rows,)`` least value that each forecast may take.
        probabilities: What the quantiles are those of.
    """

    quantiles: Floats
    floor: Floats
    probabilities: Sequence[float]

    @classmethod
    def none(cls, horizon: int, probabilities: Sequence[float]) -> Forecasts:
        """Return forecasts of no rows."""
        return cls(np.empty((0, horizon, len(probabilities))), np.empty(0), probabilities)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.floor)

    def followed_by(self, other: Forecasts) -> Forecasts:
        """Put forecasts of later rows behind these."""
        quantiles = np.concatenate([self.quantiles, other.quantiles])
        return replace(self, quantiles=quantiles, floor=np.concatenate([self.floor, other.floor]))

    def part(self, first: int, end: int) -> Forecasts:
        """Return the forecasts of some rows."""
        return replace(self, quantiles=self.quantiles[first:end], floor=self.floor[first:end])

    def residuals(self, values: Floats) -> Floats:
        """Say where in the forecasts lies what happened.

        Args:
            values: ``(rows,)`` what happened, NaN where nothing was observed.

        Returns:
            ``(rows, horizon)`` normal scores from -20 to 20: entry ``[j, k]`` is of row ``j + k`` in the
            forecast after row ``j - 1``; NaN where that is not observed, or not among these rows.
        """
        row = np.arange(len(self))[:, None] + np.arange(self.quantiles.shape[1])
        truth = np.where(row < len(self), values[np.minimum(row, len(self) - 1)], np.nan)
        return normal_scores(self.quantiles, self.probabilities, truth, self.floor[:, None])

    def residuals_at(self, place: Ints, ahead: Ints, values: Floats) -> Floats:
        """Say where in single forecasts lies what happened, ``(n,)``.

        Args:
            place: ``(n,)`` entries.
            ahead: ``(n,)`` steps of them, from 0 on.
            values: ``(n,)`` what happened then.
        """
        quantiles = self.quantiles[place, ahead]
        return normal_scores(quantiles, self.probabilities, values, self.floor[place])

    def at(self, place: Ints, ahead: Ints, probability: float) -> Floats:
        """Return a quantile of single forecasts, ``(n,)``; see ``residuals_at``."""
        found = at_probability(self.quantiles[place, ahead], self.probabilities, probability)
        return np.maximum(found, self.floor[place])


def unadapted(fitted: Fitted) -> Fitted:
    """Return what was learned without intervals that widen after errors, which would hide the next ones."""
    adapts = fitted.conformal is not None and fitted.conformal.adapts
    return replace(fitted, conformal=None) if adapts else fitted


def forecast_rows(
    fitted: Fitted,
    panel: Panel,
    first: Mapping[int, int],
    count: int,
    shown: Mapping[int, Sequence[tuple[int, Floats]]] | None = None,
) -> Iterator[tuple[int, Forecasts]]:
    """Forecast rows of some series from the row before each.

    Args:
        fitted: What was learned.
        panel: The series.
        first: First row of each series to forecast, counted from its start, by position; at least 1.
        count: Rows to forecast of each, as far as there are so many.
        shown: First rows of stretches, by position, and values that forecasts are shown in the place of those
            of the panel; where nothing was observed, they are shown nothing.

    Yields:
        Position and forecasts of each series.
    """
    together = fitted.settings.multivariate  # series see all others, as they were
    size = max(1, _BLOCK // (count * fitted.plan.horizon * len(fitted.probabilities)))
    order = sorted(first)
    for some in [order] if together else [order[i : i + size] for i in range(0, len(order), size)]:
        part = panel if together or len(some) == panel.n_series else panel.select(some)
        place = np.array(some) if together else np.arange(len(some))
        begin, length = part.indptr[place], part.lengths[place]
        values = part.values.copy()
        for row, name in zip(begin.tolist(), some, strict=True):
            for low, others in () if together else (shown or {}).get(name, ()):
                own = slice(row + low, row + low + len(others))
                values[own] = np.where(np.isnan(values[own]), np.nan, others)
        table, _ = fitted.table_and_notes(replace(part, values=values))
        start = np.array([first[name] for name in some])
        # The last origin has a row after it. Where there are fewer rows, earlier origins fill the pass, so
        # that all passes have one shape.
        newest = begin + np.minimum(start + count - 2, length - 2)
        quantiles = fitted.quantiles(table, place, newest, count)
        floor = fitted.floor(table, place, newest, count)
        extra = (begin + start - 1) - (newest - count + 1)
        for k, name in enumerate(some):
            kept = slice(int(extra[k]), None)
            yield name, Forecasts(quantiles[k, kept], floor[k, kept], fitted.probabilities)
