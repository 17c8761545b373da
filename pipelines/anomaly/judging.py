"""From features to hits, and from hits to intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.anomaly.intervals import join_near, suppress_overlaps
from pipelines.anomaly.reference import Reference

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Judged(NamedTuple):
    """Stretches that end with each row of a series, compared with usual ones, ``(rows, features)`` each.

    Attributes:
        scores: How far they are above the strangest of a usual block; NaN where one could not be judged.
        p_values: Chance that a usual block holds such a stretch; NaN where one could not be judged.
        evidence: How much more there is of each feature than is typical, in units in which stretches of all
            lengths compare.
    """

    scores: Floats
    p_values: Floats
    evidence: Floats

    @classmethod
    def none(cls, features: int) -> Judged:
        """Return what is known of no rows."""
        return cls(*(np.empty((0, features)) for _ in range(3)))

    def followed_by(self, other: Judged) -> Judged:
        """Put later rows behind these."""
        return Judged(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))

    def part(self, first: int, end: int) -> Judged:
        """Return some rows."""
        return Judged(*(each[first:end] for each in self))

    @property
    def row_scores(self) -> Floats:
        """``(rows,)`` score of the strangest stretch that ends with a row; NaN where there is none."""
        largest: Floats = np.fmax.reduce(self.scores, axis=1)
        return largest

    @property
    def row_p_values(self) -> Floats:
        """``(rows,)`` p-value of that stretch."""
        smallest: Floats = np.fmin.reduce(self.p_values, axis=1)
        return smallest


class Hits(NamedTuple):
    """Unusual stretches of one series, ``(n,)`` each."""

    first: Ints
    last: Ints
    evidence: Floats
    scores: Floats
    p_values: Floats

    def which(self, chosen: npt.NDArray[np.bool_]) -> Hits:
        """Return some of them."""
        facts = (each[chosen] for each in (self.evidence, self.scores, self.p_values))
        return Hits(self.first[chosen], self.last[chosen], *facts)

    def inside(self, first: int, last: int) -> Hits:
        """Return those within an interval."""
        return self.which((self.first >= first) & (self.last <= last))


# Blocks that a threshold rests on: those above it that are remembered.
_RECENT: Final = 5


@dataclass(frozen=True)
class Judge:
    """What decides whether something is unusual.

    Attributes:
        reference: What is usual.
        lengths: ``(features,)`` rows of the stretches that features measure.
        alpha: Chance of a false alarm in a block.
        finest: Smallest chance that p-values should tell.
        gap: Rows between two intervals that are one.
        iou: Overlap with a stronger stretch from which on one is dropped.
        pooled: Whether all series share one reference.
    """

    reference: Reference
    lengths: Ints
    alpha: float
    finest: float
    gap: int
    iou: float = 0.0
    pooled: bool = False

    @property
    def horizon(self) -> int:
        """Rows of the longest stretch, and of a block."""
        return int(self.lengths[-1])

    @property
    def kept(self) -> int:
        """Blocks, at least, that a series is compared with once it has as many."""
        return math.ceil(_RECENT / self.finest)

    def judge(self, features: Floats) -> Judged:
        """Score the stretches that end with each row of a series.

        Args:
            features: ``(rows, features)``.

        Returns:
            Scores and evidence; p-values are still NaN.
        """
        evidence = np.sqrt(self.lengths) * (features - self.reference.typical)
        return Judged(self.reference.scores(features), np.full(features.shape, np.nan), evidence)

    def hits(self, judged: Judged, first: int, limit: float | Floats | None = None) -> Hits:
        """Find unusual stretches.

        Args:
            judged: Stretches of a series.
            first: Number of their first row.
            limit: ``(rows,)`` or one p-value up to which a stretch is unusual; None for ``alpha``.

        Returns:
            The stretches, by their last rows.
        """
        bound = np.broadcast_to(self.alpha if limit is None else limit, judged.p_values.shape[:1])
        last, feature = np.nonzero(judged.p_values <= bound[:, None])
        parts = (each[last, feature] for each in (judged.evidence, judged.scores, judged.p_values))
        return Hits(first + last - self.lengths[feature] + 1, first + last, *parts)

    def intervals(self, hits: Hits) -> list[tuple[int, int]]:
        """Resolve overlapping stretches, and join near ones.

        Args:
            hits: Unusual stretches of a series.

        Returns:
            First and last rows of intervals, in order.
        """
        kept = suppress_overlaps(hits.first, hits.last, hits.evidence, self.iou)
        ends = join_near(hits.first[kept], hits.last[kept], self.gap)
        return list(zip(*(each.tolist() for each in ends), strict=True))
