"""Intervals made wider or narrower by how much of what was observed earlier ones held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipelines.nightly.matching import MODEL, RAW, Floats, Ints, Known, known_rows, read_actuals
from pipelines.skill import REFERENCE

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

_MOST: Final = 4.0  # a factor lies between its inverse and this
_PER_NIGHT: Final = 1.15  # by how much each night that is known may move a factor away from 1
_LOGS: Final = np.linspace(-np.log(2 * _MOST), np.log(2 * _MOST), 501)
_GRID: Final = np.exp(_LOGS)  # factors a percent apart, between which counts are interpolated


class Widths:
    """Find by how much the widths of intervals must change to hold what they promise.

    Adaptive conformal inference: for each value that is known, the factor that would just have brought it
    inside its interval; the width of a level is their quantile at the share that is to be inside. That share
    is itself corrected from night to night: by ``watch.rate`` times what the intervals of that night, widened
    as they would have been then, held too little. Every night is judged by what was known at its cutoff only.

    Rows of SeasonalNaive say nothing about the network's intervals, nor do bounds that are the forecast
    itself: no factor moves them.

    Args:
        job: Settings.

    Reference:
        Gibbs and Candès (2021), "Adaptive conformal inference under distribution shift",
        https://arxiv.org/abs/2106.00170; Zaffran et al. (2022), "Adaptive conformal predictions for time
        series", https://arxiv.org/abs/2202.07282.
    """

    def __init__(self, job: JobSettings) -> None:
        self.levels, self._rate = job.model.levels, job.watch.rate
        self._made, self._who = f"{RAW}{job.model.alias}", f"{RAW}{MODEL}"
        self._bounds = [(f"{self._made}-lo-{level:g}", f"{self._made}-hi-{level:g}") for level in self.levels]
        self._nights: dict[Cutoff, _Night] = {}

    @property
    def columns(self) -> list[str]:
        """Columns of a night that are needed."""
        return [self._made, self._who, *(name for pair in self._bounds for name in pair)]

    def take(self, rows: Known) -> None:
        """Count what is known of a night.

        Args:
            rows: Its rows.
        """
        rows = rows.take(rows.columns[self._who] != REFERENCE)
        if not len(rows.y):
            return
        middle = rows.columns[self._made]
        positions, place = np.unique(rows.position, return_inverse=True)
        counts = np.stack(
            [
                _counts(_factors(rows.y, middle, rows.columns[lo], rows.columns[hi]), place, len(positions))
                for lo, hi in self._bounds
            ],
            axis=1,
        )
        of_position = dict(zip(positions.tolist(), counts, strict=True))
        self._merge(rows.cutoff, _Night(int((rows.position - rows.step).max()), of_position))

    def add(self, other: Widths) -> None:
        """Take what was counted for other series of the same nights.

        Args:
            other: Where it was counted.
        """
        for cutoff, night in other._nights.items():
            self._merge(cutoff, night)

    def _merge(self, cutoff: Cutoff, night: _Night) -> None:
        own = self._nights.get(cutoff, _Night(night.cutoff, {}))
        counts = dict(own.counts)
        for position, found in night.counts.items():
            counts[position] = counts[position] + found if position in counts else found
        self._nights[cutoff] = _Night(max(own.cutoff, night.cutoff), counts)

    def factors(self) -> dict[float, float]:
        """Return the factors.

        Returns:
            Level to factor of the width, from a quarter to four; nearer to 1 while few nights are known.
        """
        nights = sorted(self._nights.values(), key=lambda night: night.cutoff)
        cutoffs = np.array([night.cutoff for night in nights], np.int64)
        found = {}
        for number, level in enumerate(self.levels):
            counts = np.zeros((len(nights), len(nights) + 1, len(_GRID) + 1))
            for own, night in zip(counts, nights, strict=True):
                # The first night that knows each value; after the last of them, tonight.
                arrival = np.searchsorted(cutoffs, [*night.counts], side="left")
                np.add.at(own, arrival, [found[number] for found in night.counts.values()])
            found[level] = _adapted(np.cumsum(counts, axis=2), 1 - level / 100, self._rate)
        return found


class _Night(NamedTuple):
    """Place of the cutoff on the grid; place of values to their counts, ``(levels, cells)``."""

    cutoff: int
    counts: dict[int, Ints]


def widths_of(
    nights: Iterable[tuple[Cutoff, pd.DataFrame]], actuals: pd.DataFrame, job: JobSettings
) -> dict[float, float]:
    """Find by how much the widths of intervals must change; see `Widths`.

    Args:
        nights: Cutoff and forecasts of each, the oldest first; a sequence may have them in any order.
        actuals: Id, time and target column.
        job: Settings.

    Returns:
        Level to factor of the width.

    Raises:
        PanelError: If the actual values cannot be used.
    """
    widths = Widths(job)
    for rows in known_rows(nights, read_actuals(actuals, job), job, widths.columns):
        widths.take(rows)
    return widths.factors()


def apply_widths(frame: pd.DataFrame, widths: Mapping[float, float], job: JobSettings) -> pd.DataFrame:
    """Change the widths of the intervals of a forecast.

    The forecast itself stays. Outer intervals go on to hold the inner ones, and where no bound was below 0,
    none is.

    Args:
        frame: The forecast and the bounds of its intervals.
        widths: Level to factor; levels without one stay.
        job: Settings.

    Returns:
        Another frame; the same one if every factor is 1.

    Example:
        >>> import pandas as pd
        >>> from pipelines.nightly import JobSettings
        >>> job = JobSettings(name="j", source={"path": "a"}, sink={"path": "b"},
        ...                   model={"horizon": 1, "levels": [80]})
        >>> frame = pd.DataFrame({"TCN": [10.0], "TCN-lo-80": [8.0], "TCN-hi-80": [14.0]})
        >>> apply_widths(frame, {80.0: 1.5}, job)
            TCN  TCN-lo-80  TCN-hi-80
        0  10.0        7.0       16.0
    """
    if all(widths.get(level, 1.0) == 1.0 for level in job.model.levels):
        return frame
    alias, levels = job.model.alias, sorted(job.model.levels)
    middle = frame[alias].to_numpy(np.float64)
    least = min(float(frame[f"{alias}-lo-{level:g}"].min()) for level in levels)
    floor = 0.0 if least >= 0 and job.model.target != "real" else -np.inf
    changed: dict[str, Floats] = {}
    for side, sign in (("lo", -1.0), ("hi", 1.0)):
        reach = np.zeros(len(middle))
        for level in levels:
            name = f"{alias}-{side}-{level:g}"
            distance = sign * (frame[name].to_numpy(np.float64) - middle)
            reach = np.maximum(reach, distance * widths.get(level, 1.0))
            changed[name] = np.maximum(middle + sign * reach, np.minimum(floor, middle))
    return frame.assign(**changed)


def _factors(y: Floats, middle: Floats, lower: Floats, upper: Floats) -> Floats:
    """The factor that just brings each value inside; NaN where the side it lies on has no width."""
    side = np.where(y > middle, upper - middle, middle - lower)
    least = np.where(y == middle, np.minimum(upper - middle, middle - lower), side)
    factor = np.full(len(y), np.nan)
    np.divide(np.abs(y - middle), side, out=factor, where=least > 0)
    return factor


def _counts(factor: Floats, place: Ints, n_places: int) -> Ints:
    """Values in each cell of the grid, by their place."""
    known, bins = ~np.isnan(factor), len(_GRID) + 1  # the last one for what lies beyond the grid
    cell = place[known] * bins + np.searchsorted(_GRID, factor[known])
    return np.bincount(cell, minlength=n_places * bins).reshape(n_places, bins)


def _adapted(counts: Floats, promised: float, rate: float) -> float:
    """Go from night to night to tonight's factor; ``promised`` is the share outside that the level allows."""
    n_nights = len(counts)
    widths, free = np.ones(n_nights + 1), np.zeros(n_nights + 1, bool)
    outside, pool, known = promised, np.zeros(counts.shape[2]), 0
    for night in range(n_nights + 1):
        arrived = counts[:night, night]
        pool = pool + arrived.sum(axis=0)
        if night and arrived[:, -1].any():
            # A factor at its limit would be held to blame for what it may not do yet.
            judged, known = arrived[free[:night]], known + 1
            if (total := judged[:, -1].sum()) > 0:
                held = _held(judged, widths[:night][free[:night]])
                outside = float(np.clip(outside + rate * (promised - 1 + held / total), *_bounds(promised)))
            asked = _quantile(pool, 1 - outside)
            limit = min(_PER_NIGHT**known, _MOST)
            widths[night] = np.clip(asked, 1 / limit, limit)
            free[night] = widths[night] == asked
        elif night:
            widths[night], free[night] = widths[night - 1], free[night - 1]
    return float(widths[-1])


def _bounds(promised: float) -> tuple[float, float]:
    """How small and large the share outside may be made."""
    return promised / 5, (1 + promised) / 2


def _held(counts: Floats, widths: Floats) -> float:
    """How many values of each night its factor brings inside, all together."""
    place = (np.log(widths) - _LOGS[0]) / (_LOGS[1] - _LOGS[0])
    below = np.floor(place).astype(np.int64)
    left, right = (np.take_along_axis(counts, at[:, None], axis=1)[:, 0] for at in (below, below + 1))
    return float((left + (place - below) * (right - left)).sum())


def _quantile(counts: Floats, share: float) -> float:
    """The factor that brings a share of the values inside; one more counts as outside, as none has come."""
    return float(np.exp(np.interp(share * (counts[-1] + 1), counts[:-1], _LOGS)))
