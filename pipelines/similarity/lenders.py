"""Which series a new one is like, by the few values that it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.frequency import DAY, Freq
from pipelines.panel import Panel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Values from which both a center and a spread can be told.
_FEWEST_OF_BOTH: Final = 3


class Lenders(NamedTuple):
    """Series that a new one borrows from, the most alike first.

    Attributes:
        series: ``(lenders,)`` positions in the panel.
        begin: ``(lenders,)`` row of the panel that is compared with the first value of the new series.
        distance: ``(lenders,)`` root mean square distance of the values, in units of their size.
        factor: ``(lenders,)`` what to multiply values of a lender by, and
        offset: ``(lenders,)`` what to add to them then, to bring them to the size of the new series.
    """

    series: Ints
    begin: Ints
    distance: Floats
    factor: Floats
    offset: Floats


@dataclass(frozen=True)
class Pool:
    """Series to borrow from.

    A new series is compared with the rows of each at the same stamps; where a series ends before, with those
    as few whole cycles of the calendar earlier as possible. No row after the last one of the new series is
    looked at.

    Attributes:
        panel: The series.
        names: ``(series,)`` their ids, as text.
        cycle: Rows after which the calendar, and all seasons, begin anew.
        season: Rows that a lender must have before those that are compared.
        is_ratio: Whether series differ by a factor, as those do that are never negative; if not, values are
            relative to their mean, in units of their mean distance from it.
        most: Lenders of a series.
    """

    panel: Panel
    names: npt.NDArray[np.str_]
    cycle: int
    season: int
    is_ratio: bool
    most: int

    def lenders(self, name: object, values: Floats, stamp: Any) -> Lenders:
        """Find the series that are most like a new one; of equally like ones those of the nearest size.

        Args:
            name: Its id. A series of that id is no lender.
            values: ``(rows,)`` its values, NaN where nothing was observed.
            stamp: Stamp of the last one.

        Returns:
            The lenders; none where the values do not tell their size.
        """
        panel, count = self.panel, len(values)
        end = panel.rows_until(stamp)
        begin = end - self.cycle * np.maximum(-(-(end - panel.lengths) // self.cycle), 0) - count
        usable = np.flatnonzero((begin >= self.season) & (self.names != str(name)))
        first = (panel.indptr[:-1] + begin)[usable]
        others = panel.values[first[:, None] + np.arange(count)]
        known = np.isfinite(values) & np.isfinite(others)
        center, size = self._measured(np.where(known, values, np.nan))
        centers, sizes = self._measured(np.where(known, others, np.nan))
        with np.errstate(all="ignore"):  # what comes to nothing is left out
            gap = (values - center[:, None]) / size[:, None] - (others - centers[:, None]) / sizes[:, None]
            distance = np.sqrt((np.where(known, gap, 0.0) ** 2).sum(axis=1) / known.sum(axis=1))
            factor = size / sizes
            offset = center - factor * centers
            usual = (factor > 0) & np.isfinite(distance + factor + offset)
        enough = max(np.isfinite(values).sum() / 2, 1 if self.is_ratio else _FEWEST_OF_BOTH)
        fits = np.flatnonzero(usual & (known.sum(axis=1) >= enough))
        order = np.lexsort((np.abs(np.log(factor[fits])), distance[fits]))[: self.most]
        chosen = fits[order]
        return Lenders(usable[chosen], first[chosen], distance[chosen], factor[chosen], offset[chosen])

    def _measured(self, values: Floats) -> tuple[Floats, Floats]:
        """Center and size of each row of values, NaN where there is none."""
        with np.errstate(all="ignore"):
            count = np.isfinite(values).sum(axis=1)
            mean = np.nansum(values, axis=1) / count
            if self.is_ratio:
                return np.zeros_like(mean), mean
            return mean, np.nansum(np.abs(values - mean[:, None]), axis=1) / count


def cycle_of(freq: Freq, seasons: Sequence[int]) -> int:
    """Rows after which the calendar, and all seasons, begin anew.

    Args:
        freq: Step from one row to the next.
        seasons: Rows in each season.

    Returns:
        Their least common multiple, with the week where a step is a constant part of it.

    Example:
        >>> [cycle_of(Freq.parse(f), s) for f, s in (("h", [24]), ("MS", [12]), ("D", [7]), (1, [24]))]
        [168, 12, 7, 24]
    """
    week = 7 * DAY // freq.step if freq.kind == "fixed" and 7 * DAY % freq.step == 0 else 1
    return lcm(week, *seasons)
