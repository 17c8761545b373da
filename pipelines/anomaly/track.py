"""One series as it is searched, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.anomaly.found import Found, seen_from_before
from pipelines.anomaly.intervals import join_near
from pipelines.anomaly.judging import Hits, Judge, Judged
from pipelines.anomaly.reference import chances, outlying
from pipelines.anomaly.residuals import Forecasts
from pipelines.anomaly.windows import window_features

Floats = npt.NDArray[np.float64]

# Blocks in a row that are hidden from later forecasts: what lasts longer is the new state of things.
_HIDDEN_IN_A_ROW: Final = 3


class Track:
    """The rows of a series that are searched; rows are counted from its first.

    A series is compared with its usual blocks: those of the calibration, and then those that were searched;
    the newest count. So what is unusual follows a series that changes. Blocks that are far stranger than all
    of these are not among them. As an anomaly would move the forecasts after it, to expect more of the same,
    or the same a season later, these are shown what was expected in its place. If a fourth block in a row is
    as strange, this is how things are: it counts as usual, and forecasts are shown all of it as it was.

    Args:
        name: Id of the series, as text.
        start: First row that is searched.
        phase: Rows of a block that lie before the first row of the series.
        judge: What is unusual.
        probabilities: What forecasts have quantiles for.

    Attributes:
        shown: What forecasts are shown in the place of anomalies: first rows, and values.
        closed: Intervals that nothing can change.
    """

    def __init__(
        self, name: str, start: int, phase: int, judge: Judge, probabilities: Sequence[float]
    ) -> None:
        self.name, self.start = name, start
        self.shown: list[tuple[int, Floats]] = []
        self.closed: list[Found] = []
        self._judge, self._phase = judge, phase
        self._base = start  # first row whose forecasts are kept
        self._forecasts = Forecasts.none(judge.horizon, probabilities)
        self._judged = Judged.none(len(judge.lengths))
        self._open = start  # first row that ends a stretch which later ones may still change
        self._settled = start  # first row of the block that is not over
        self._usual = judge.reference.usual(name, judge.finest, judge.pooled)
        self._kept = max(judge.kept, len(self._usual))
        self._in_a_row = 0  # blocks before it, without one between, that are far stranger than usual
        self._hidden = 0  # entries of `shown` that are of these

    @property
    def next(self) -> int:
        """First row that has not been judged."""
        return self._base + len(self._judged.scores)

    @property
    def row_p_values(self) -> Floats:
        """p-values of the strangest stretches that end with the rows that are kept."""
        return self._judged.row_p_values

    def extend(self, forecasts: Forecasts, values: Floats) -> None:
        """Judge further rows, and hide what is unusual from the forecasts of those after it.

        Args:
            forecasts: Of the rows from ``next`` on. Those after a block with something to hide are not used.
            values: ``(rows,)`` what happened in the series, from its start.
        """
        old = self.next
        self._forecasts = self._forecasts.followed_by(forecasts)
        end = self._base + len(self._forecasts)
        # The longest stretch that ends with the first of these rows begins here.
        first = max(self._base, old - self._judge.horizon + 1)
        recent = self._forecasts.part(first - self._base, end - self._base)
        features = window_features(recent.residuals(values[first:end]))[old - first :]
        self._judged = self._judged.followed_by(self._judge.judge(features))
        while old < end:
            over = self._end_of_block()
            new = slice(old - self._base, min(over, end) - self._base)
            self._judged.p_values[new] = chances(self._usual, self._judged.scores[new], self._judge.finest)
            old = min(over, end)
            if over <= end and self._changes(over):
                self._cut(self._base, over)
                return

    def found(self, values: Floats, limit: Floats | None = None) -> list[Found]:
        """Make intervals of the unusual stretches that are still open.

        Args:
            values: ``(rows,)`` what happened in the series, from its start.
            limit: ``(rows,)`` p-values up to which a row is unusual, from the first one that is kept; None
                for the limit of the judge.

        Returns:
            The intervals, in order.
        """
        hits = self._hits(limit)
        return [
            Found.of(*ends, hits, self._forecasts, self._base, values) for ends in self._judge.intervals(hits)
        ]

    def close(self, values: Floats) -> None:
        """Keep what later rows cannot change, and let go of all that served to find it.

        Args:
            values: ``(rows,)`` what happened in the series, from its start.
        """
        hits, judge = self._hits(), self._judge
        # Stretches to come begin more than a gap after this row.
        reach = self.next - judge.horizon - judge.gap
        clusters = zip(*join_near(hits.first, hits.last, judge.gap), strict=True)
        edge = next((int(first) for first, last in clusters if last >= reach), self.next)
        self.closed += [each for each in self.found(values) if each.last < edge]
        self._open = int(hits.last[hits.first >= edge].min(initial=self.next))
        self._cut(max(self._base, min(self._open, self._settled) - judge.horizon + 1), self.next)

    def columns(self, found: list[Found], first: int, level: float) -> dict[str, npt.NDArray[np.generic]]:
        """Say of each row what it was compared with, and how strange the stretches are that end with it.

        Inside an interval a row is compared with the forecast from before the interval, elsewhere with the
        one from the row before it.

        Args:
            found: Intervals.
            first: First row to tell of.
            level: Level of the band, in percent.

        Returns:
            ``(rows,)`` values by name.
        """
        row = np.arange(first, self.next)
        place, ahead, inside = row.copy(), np.zeros_like(row), np.zeros(len(row), bool)
        for each in found:
            own = (row >= each.first) & (row <= each.last)
            place[own], ahead[own] = seen_from_before(row[own], each.first, self._judge.horizon)
            inside |= own
        bands = {"expected": 0.5, "low": 0.5 - level / 200, "high": 0.5 + level / 200}
        recent = self._judged.part(first - self._base, self.next - self._base)
        return {
            **{name: self._forecasts.at(place - self._base, ahead, p) for name, p in bands.items()},
            "score": recent.row_scores,
            "p_value": recent.row_p_values,
            "is_anomaly": inside,
        }

    def _changes(self, over: int) -> bool:
        """End a block: whether what was in it changes what later forecasts are shown."""
        begin, self._settled = self._settled, over
        block = self._judged.part(begin - self._base, over - self._base)
        hits = self._judge.hits(block, begin)
        strangest = np.fmax.reduce(block.row_scores)
        if len(hits.last) and outlying(strangest, self._usual):
            self._in_a_row += 1
            if self._in_a_row <= _HIDDEN_IN_A_ROW:
                ends = self._judge.intervals(hits)
                self.shown += [self._expected(first, last, begin) for first, last in ends]
                self._hidden += len(ends)
                return True
        else:
            self._in_a_row = 0
        if np.isfinite(strangest):
            self._usual = np.append(self._usual, strangest)[-self._kept :]
        lasts = self._in_a_row > 0 and self._hidden > 0
        if lasts:
            del self.shown[-self._hidden :]
        self._hidden = 0
        return lasts

    def _expected(self, first: int, last: int, begin: int) -> tuple[int, Floats]:
        """First row of the part of an interval from a row on, and what was expected of that part."""
        row = np.arange(max(first, begin), last + 1)
        place, ahead = seen_from_before(row, first, self._judge.horizon)
        return int(row[0]), self._forecasts.at(place - self._base, ahead, 0.5)

    def _end_of_block(self) -> int:
        """First row after the block that is to be settled next."""
        steps = self._judge.horizon
        return self._settled + steps - (self._phase + self._settled) % steps

    def _hits(self, limit: Floats | None = None) -> Hits:
        """Unusual stretches that are open."""
        hits = self._judge.hits(self._judged, self._base, limit)
        return hits.which(hits.last >= self._open)

    def _cut(self, first: int, end: int) -> None:
        """Let go of all rows but some."""
        self._forecasts = self._forecasts.part(first - self._base, end - self._base)
        self._judged = self._judged.part(first - self._base, end - self._base)
        self._base = first
