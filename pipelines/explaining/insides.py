"""What a network has learned to look at: how far back, at which frequencies, at what in the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from pipelines.explaining.periods import period
from pipelines.explaining.subjects import Floats, Subject
from pipelines.frequency import Freq
from pipelines.runtime import gather

SHARE: Final = 0.95
"""Share of the influence that the effective field holds."""

# Origins that the effective field is the mean of, in all.
_ORIGINS: Final = 16
_FILTERS: Final = 6
_POINTS: Final = 241
# Rows of each series in which units are looked at, and how much is kept of them.
_ROWS: Final = 2000
_UNITS, _STRETCHES = 3, 4


@dataclass(frozen=True)
class Field:
    """How far back a network looks, and could look.

    Attributes:
        effective: Steps back, the newest one included, that hold ``share`` of the influence on forecasts;
            None where no value has any.
        share: That share.
        nominal: Steps that a forecast can depend on at all.
        lookback: Steps of the window of the long kernel.
        stack: Steps that the dilated stack sees.
        profile: Share of each step, the newest one first.

    Example:
        >>> Field(2, 0.95, nominal=4, lookback=3, stack=4, profile=(0.7, 0.26, 0.04, 0.0)).steps
        2
    """

    effective: int | None
    share: float
    nominal: int
    lookback: int
    stack: int
    profile: tuple[float, ...]

    @property
    def steps(self) -> int:
        """Steps of the effective field, 0 where there is none."""
        return self.effective or 0


class Seen(NamedTuple):
    """Values of units of a block over the newest rows of a series.

    Attributes:
        subject: Whose series.
        first: First of the rows.
        values: ``(members, rows, units)``.
    """

    subject: Subject
    first: int
    values: Floats


def field_of(subjects: Sequence[Subject]) -> Field:
    """Measure how far back forecasts depend on the values of their series.

    Args:
        subjects: Forecasts; origins before theirs are looked at too.

    Returns:
        The field.
    """
    from pipelines.network import used_field

    network, gathered = subjects[0].network, []
    for subject in subjects:
        count = max(1, _ORIGINS // len(subjects))
        first = int(subject.panel.indptr[subject.series])
        # Origins of half a window at least, where the series has such.
        oldest = min(max(first + network.context // 2, subject.row - 4 * network.context), subject.row)
        rows = np.unique(np.linspace(oldest, subject.row, count).round().astype(np.int64))
        series = np.full(len(rows), subject.series)
        gathered.append(gather(subject.table, series, rows, network.context + 1))
    inputs = {name: np.concatenate([each[name] for each in gathered]) for name in gathered[0]}
    found = used_field(network, inputs, subjects[0].quantile)
    return Field(
        effective=None if found is None else found.steps,
        share=SHARE,
        nominal=network.receptive_field,
        lookback=network.lookback,
        stack=network.stack_field + network.positions.context,
        profile=() if found is None else tuple(found.profile.tolist()),
    )


def filters_frame(subject: Subject, freq: Freq, past: Sequence[str]) -> pd.DataFrame:
    """Say which periods the first filters of the network let through.

    Args:
        subject: What is explained.
        freq: Frequency of the data.
        past: Names of the past channels.

    Returns:
        A row for each filter, channel and frequency: ``layer`` ("seasons", "look-back", "stack"),
        ``filter``, ``channel``, ``frequency`` in cycles a step, ``period`` in steps, infinite at 0,
        ``label``, the period in the time of the data, and ``magnitude``, the factor on a wave of that period.
        Of each layer the six filters of the largest taps, the largest first; of the first member. A filter of
        "seasons" is what a step ahead reads, counted from 0.
    """
    from pipelines.network import channels_of_stack, first_filters, frequency_response

    frames = []
    for layer, found in first_filters(subject.network).items():
        stack = layer == "stack"
        channels = channels_of_stack(subject.network, past) if stack else ("value",)
        kernel = found.kernel[:, : len(channels)]
        largest = np.argsort(-np.square(kernel).sum(axis=(0, 1)), kind="stable")[:_FILTERS]
        response = frequency_response(kernel[..., largest], found.dilation_rate, _POINTS)
        with np.errstate(divide="ignore"):
            periods = 1 / response.frequencies
        labels = [period(steps, freq) for steps in periods.tolist()]
        frames += [
            pd.DataFrame(
                {
                    "layer": layer,
                    "filter": int(number),
                    "channel": channel,
                    "frequency": response.frequencies,
                    "period": periods,
                    "label": labels,
                    "magnitude": response.magnitude[:, c, place],
                }
            )
            for place, number in enumerate(largest)
            for c, channel in enumerate(channels)
        ]
    return pd.concat(frames, ignore_index=True)


def stretches_frame(subjects: Sequence[Subject], dilation: int) -> pd.DataFrame:
    """Find the stretches of the data that excite units of a block most.

    The units are those whose values vary most over the newest 2,000 rows of each series up to the origin.

    Args:
        subjects: Whose series are searched.
        dilation: Dilation rate of the block; of several the last.

    Returns:
        A row for each step of each stretch: ``unit``, ``rank`` from 1, ``activation``, the value of the unit
        at the end of the stretch, id, time, ``row``, 0 at the end, and the target, NaN where it was not
        observed. Stretches are as long as what the units see, and those of a unit do not overlap.
    """
    from pipelines.network import highest_stretches

    seen, field = _units(subjects, dilation)
    values = np.concatenate([each.values for each in seen], axis=1)
    spread = values.std(axis=1)
    columns = subjects[0].panel.columns
    frames = []
    for place in np.argsort(-spread, axis=None, kind="stable")[:_UNITS]:
        member, unit = np.unravel_index(place, spread.shape)
        longest = max(each.values.shape[1] for each in seen)
        activation = np.full((len(seen), longest), -np.inf)
        for i, each in enumerate(seen):
            activation[i, : each.values.shape[1]] = each.values[member, :, unit]
        top = highest_stretches(activation, activation[..., None], field, _STRETCHES)
        for rank, (i, end, value) in enumerate(zip(top.series, top.end, top.value, strict=True), start=1):
            subject = seen[i].subject
            last = seen[i].first + int(end)
            first = max(last - field + 1, int(subject.panel.indptr[subject.series]))
            rows = np.arange(first, last + 1)
            frames.append(
                pd.DataFrame(
                    {
                        "unit": f"dilation {dilation}, member {member}, unit {unit}",
                        "rank": rank,
                        "activation": float(value),
                        columns.id_col: subject.name,
                        columns.time_col: subject.times(rows),
                        "row": rows - last,
                        columns.target_col: subject.panel.values[rows],
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _units(subjects: Sequence[Subject], dilation: int) -> tuple[list[Seen], int]:
    """Values of the units of a block over the newest rows of each series, and the steps that they see."""
    from pipelines.network import block_units

    network, seen, field = subjects[0].network, [], 0
    for subject in subjects:
        begin = int(subject.panel.indptr[subject.series])
        count = min(_ROWS, subject.row + 1 - begin)
        place = np.array([subject.series]), np.array([subject.row])
        inputs: Any = gather(subject.table, *place, network.context + count)
        block = [each for each in block_units(network, inputs["series"]) if each.dilation == dilation][-1]
        seen.append(Seen(subject, subject.row + 1 - count, block.values[:, 0]))
        field = block.field
    return seen, field
