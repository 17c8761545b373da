"""How well intervals are found: by their overlap with those that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.anomaly.intervals import overlap
from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Freq, FreqLike
from pipelines.panel import read_stamps

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class IntervalScores:
    """How intervals that were found compare with those that are known.

    Nothing is adjusted: one hit within a long event does not count as all of it, and each interval counts
    once, however long it is.

    Attributes:
        found: Intervals that were found.
        events: Intervals that are known.
        true: Intervals that overlap an event.
        detected: Events that overlap an interval.
        mean_iou: Mean over detected events of the overlap with the interval that fits it best; NaN without.

    Example:
        >>> scores = IntervalScores(found=4, events=5, true=3, detected=3, mean_iou=0.6)
        >>> scores.precision, scores.recall, round(scores.f1, 2), scores.false_alarms
        (0.75, 0.6, 0.67, 1)
    """

    found: int
    events: int
    true: int
    detected: int
    mean_iou: float

    @property
    def false_alarms(self) -> int:
        """Intervals that overlap no event."""
        return self.found - self.true

    @property
    def precision(self) -> float:
        """Share of the intervals that overlap an event; NaN if none was found."""
        return self.true / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        """Share of the events that are detected; NaN if there are none."""
        return self.detected / self.events if self.events else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if nothing was detected, NaN without events."""
        if not self.events:
            return float("nan")
        if not self.detected:
            return 0.0
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def score_intervals(
    found: pd.DataFrame,
    events: pd.DataFrame,
    freq: FreqLike,
    min_iou: float = 0.0,
    id_col: str = "unique_id",
) -> IntervalScores:
    """Compare intervals that were found with events that are known.

    Args:
        found: Columns id, ``start`` and ``end``, both stamps of the series, as ``Detector.detect`` gives.
        events: The same of what is known; stamps between two steps count as the one before.
        freq: Step between stamps.
        min_iou: Intersection over union that an interval and an event must reach to be one; with 0, they must
            share a row.
        id_col: Column of the ids.

    Returns:
        The comparison.

    Raises:
        ConfigError: If ``min_iou`` is not from 0 to 1.
        PanelError: If a frame lacks a column, or an interval ends before it starts.

    Example:
        >>> import pandas as pd
        >>> found = pd.DataFrame({"unique_id": ["A", "A"], "start": [3, 40], "end": [6, 41]})
        >>> events = pd.DataFrame({"unique_id": ["A", "A"], "start": [5, 80], "end": [8, 89]})
        >>> scores = score_intervals(found, events, freq=1)
        >>> scores.precision, scores.recall, scores.false_alarms, round(scores.mean_iou, 2)
        (0.5, 0.5, 1, 0.33)

    Reference:
        Tatbul et al. (2018), Precision and Recall for Time Series; Kim et al. (2022), Towards a Rigorous
        Evaluation of Time-Series Anomaly Detection, on why points are not adjusted.
    """
    if not 0 <= min_iou <= 1:
        raise ConfigError(f"min_iou must be from 0 to 1. Received: {min_iou!r}.")
    freq = Freq.parse(freq)
    own, known = (
        _positions(frame, name, freq, id_col) for frame, name in ((found, "found"), (events, "events"))
    )
    best_found, best_known = np.zeros(len(found)), np.zeros(len(events))
    for series in set(own) & set(known):
        (place, *ours), (other, *theirs) = own[series], known[series]
        shared = overlap(*ours, *theirs)
        best_found[place], best_known[other] = shared.max(axis=1), shared.max(axis=0)
    hit, detected = ((best > 0) & (best >= min_iou * (1 - 1e-12)) for best in (best_found, best_known))
    return IntervalScores(
        len(found),
        len(events),
        int(hit.sum()),
        int(detected.sum()),
        float(best_known[detected].mean()) if detected.any() else float("nan"),
    )


def _positions(frame: pd.DataFrame, name: str, freq: Freq, id_col: str) -> dict[Any, tuple[Ints, Ints, Ints]]:
    """Place in the frame, first and last step of the intervals of each series."""
    for column in (id_col, "start", "end"):
        if column not in frame:
            raise PanelError(
                f"The frame '{name}' must have the columns {id_col!r}, 'start' and 'end'. Received: "
                f"{[*frame.columns]}; rename them."
            )
    first, last = (_steps(frame[column], freq) for column in ("start", "end"))
    if (first > last).any():
        i = int(np.argmax(first > last))
        raise PanelError(
            f"An interval must not end before it starts. Received: start={frame['start'].iloc[i]} and "
            f"end={frame['end'].iloc[i]} in row {i} of '{name}', series {frame[id_col].iloc[i]!r}; exchange "
            "them."
        )
    groups = frame.groupby(id_col, sort=False, observed=True).indices
    return {series: (place, first[place], last[place]) for series, place in groups.items()}


def _steps(column: pd.Series, freq: Freq) -> Ints:
    """Steps of a column of stamps."""
    if column.empty:
        return np.empty(0, np.int64)
    read = read_stamps(column, period_ends=freq.mark.endswith("end"))
    read = read if freq.is_clock else read.in_wall_time()
    position, _ = freq.locate(read.unique[read.codes])
    return position
