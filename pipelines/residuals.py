"""What the rows up to each cutoff say about the naive methods: last values, means and sums of residuals.

All are running sums within a series, so no later value and no other series can move them by a bit, and any
number of cutoffs costs one pass over the panel. Series are taken in blocks, which bounds the memory needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.panel import Panel

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

WINDOW_WITHOUT_SEASON: Final = 5
"""Rows that are averaged where there is no season to average over."""
_BLOCK_ROWS: Final = 2**20


@dataclass(frozen=True)
class Residuals:
    """Facts about the past of each pair of a series and a cutoff; arrays of shape ``(pairs,)``.

    Rows are rows of the panel. Where nothing was observed, ``source`` is -1 and the rest means nothing.

    Attributes:
        row: Last known row.
        start: First row of the series.
        source: Last observed row.
        first: First observed row.
        walk_total: Sum of squared differences of successive observed values, each divided by the rows between
            them: in a random walk a difference over d rows has d times the variance of one row's.
        walk_count: Number of those differences.
        season_total: The same for values of the same season position, divided by the seasons between them.
        season_count: Number of those differences.
        mean: Mean of what was observed among the last season's rows; the last observed value if nothing was.
        mean_variance: Mean squared residual of forecasting each value by that mean of the rows before it.
    """

    row: Ints
    start: Ints
    source: Ints
    first: Ints
    walk_total: Floats
    walk_count: Ints
    season_total: Floats
    season_count: Ints
    mean: Floats
    mean_variance: Floats

    @classmethod
    def of(cls, panel: Panel, pair_row: Ints, season_length: int) -> Residuals:
        """Collect the facts.

        Args:
            panel: The series.
            pair_row: Last known row of each pair, in any order.
            season_length: Rows in a season, at least 1.

        Returns:
            The facts, in the order of ``pair_row``.

        Example:
            >>> import numpy as np, pandas as pd
            >>> from pipelines.panel import Panel
            >>> frame = pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3, 4], "y": [1.0, 3.0, 2.0, 9.0]})
            >>> past = Residuals.of(Panel.from_frame(frame), np.array([2, 1]), season_length=2)
            >>> past.walk_total, past.season_total, past.mean
            (array([5., 4.]), array([1., 0.]), array([2.5, 2. ]))
        """
        order = np.argsort(pair_row, kind="stable")
        cuts = np.arange(_BLOCK_ROWS, panel.n_rows, _BLOCK_ROWS)
        edges = np.unique(np.r_[0, np.searchsorted(panel.indptr, cuts), panel.n_series])
        blocks = []
        for begin, end in pairwise(edges):
            offset = panel.indptr[begin]
            inside = slice(*np.searchsorted(pair_row[order], panel.indptr[[begin, end]]))
            block = _Block(
                panel.values[offset : panel.indptr[end]],
                panel.indptr[begin : end + 1] - offset,
                pair_row[order[inside]] - offset,
                season_length,
            )
            blocks.append(block.facts(offset))
        joined = (np.concatenate(parts)[np.argsort(order)] for parts in zip(*blocks, strict=True))
        return cls(pair_row, *joined)


class _Block:
    """Some series of a panel; ``row`` holds the last known row of each pair."""

    def __init__(self, values: Floats, indptr: Ints, row: Ints, season_length: int) -> None:
        self.values, self.indptr, self.row, self.season_length = values, indptr, row, season_length
        self.start = np.repeat(indptr[:-1], np.diff(indptr))  # first row of the series of each row
        self.observed = ~np.isnan(values)
        self.rows = np.flatnonzero(self.observed)
        self.last = np.maximum.accumulate(np.where(self.observed, np.arange(len(values)), -1))
        self.last[self.last < self.start] = -1  # last observed row at or before each row
        before = np.r_[-1, self.rows][:-1]
        has_before = before >= self.start[self.rows]
        self.later, self.before = self.rows[has_before], before[has_before]  # neighbors among the observed

    def facts(self, offset: int) -> tuple[NDArray[np.generic], ...]:
        """Return the fields of ``Residuals`` after ``row``, rows counted from ``offset`` rows earlier."""
        source, start = self.last[self.row], self.start[self.row]
        first = np.r_[self.rows, 0][np.searchsorted(self.rows, start)]
        walk = self._sums(self.later, self._squares(self.later, self.before) / (self.later - self.before))
        later = self.rows
        before = same_season(self.values, later - self.season_length, self.start[later], self.season_length)
        later, before = later[before >= 0], before[before >= 0]
        seasons = (later - before) // self.season_length
        season = self._sums(later, self._squares(later, before) / seasons)
        mean = self._window_means()
        total, count = self._sums(self.later, (self.values[self.later] - mean[self.later - 1]) ** 2)
        variance = total / np.maximum(count, 1)
        return (
            start + offset,
            np.where(source < 0, -1, source + offset),
            first + offset,
            *walk,
            *season,
            mean[self.row],
            variance,
        )

    def _squares(self, later: Ints, before: Ints) -> Floats:
        squares: Floats = (self.values[later] - self.values[before]) ** 2
        return squares

    def _running(self, rows: Ints, terms: Floats) -> Floats:
        """Return, for every row, the sum of the series' ``terms`` at ``rows`` up to it."""
        total = np.zeros(len(self.values))
        total[rows] = terms
        for begin, end in pairwise(self.indptr):
            np.cumsum(total[begin:end], out=total[begin:end])
        return total

    def _counts(self, rows: Ints) -> Ints:
        """Return, for every row, how many of ``rows`` lie in its series up to it."""
        count = np.zeros(len(self.values) + 1, dtype=np.int64)
        count[rows + 1] = 1
        np.cumsum(count, out=count)
        return count[1:] - count[self.start]

    def _sums(self, rows: Ints, terms: Floats) -> tuple[Floats, Ints]:
        """Return sum and number of the ``terms`` at ``rows`` up to the last known row of each pair."""
        return self._running(rows, terms)[self.row], self._counts(rows)[self.row]

    def _window_means(self) -> Floats:
        """Return, for every row, the mean of what was observed among the last season's rows up to it."""
        window = self.season_length if self.season_length > 1 else WINDOW_WITHOUT_SEASON
        # Sums of distances to a value of the series keep digits that sums of large values would lose.
        first = np.r_[self.rows, 0][np.searchsorted(self.rows, self.indptr[:-1])]
        origin = np.repeat(self.values[first], np.diff(self.indptr))
        total, count = self._running(self.rows, (self.values - origin)[self.rows]), self._counts(self.rows)
        row = np.flatnonzero(np.arange(len(self.values)) - window >= self.start)
        total[row], count[row] = total[row] - total[row - window], count[row] - count[row - window]
        return np.where(count > 0, origin + total / np.maximum(count, 1), self.values[self.last])


def same_season(values: Floats, rows: Ints, start: Ints, season_length: int) -> Ints:
    """Return the last observed of ``rows`` and the rows whole seasons before, within a series.

    Args:
        values: Values of the panel.
        rows: Rows to start from; may lie before ``start``.
        start: First row of the series of each.
        season_length: Rows in a season.

    Returns:
        Rows, -1 where there is none.

    Example:
        >>> import numpy as np
        >>> values = np.array([1.0, 2.0, np.nan, 4.0])
        >>> same_season(values, np.array([2, 3]), np.array([0, 0]), season_length=2)
        array([0, 3])
    """
    found = np.where(rows < start, -1, rows)
    todo = np.flatnonzero(found >= 0)
    while (todo := todo[np.isnan(values[found[todo]])]).size:
        found[todo] -= season_length
        outside = found[todo] < start[todo]
        found[todo[outside]] = -1
        todo = todo[~outside]
    return found
