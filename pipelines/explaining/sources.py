"""What a forecast reads beside its own series: covariates, the calendar, and other series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.explaining.subjects import Floats, Ints, Subject
from pipelines.explaining.targets import in_target_units
from pipelines.fitted import Fitted
from pipelines.windows import CALENDAR

FIRST_PAST: Final = 5
"""Channels of the inputs "series" before those of covariates."""

_PHASE: Final = 3


@dataclass(frozen=True)
class Source:
    """A covariate, and where the network reads it.

    Attributes:
        name: Name of the column, "calendar", or "holidays US".
        role: "past", "future", "static", "calendar", "holidays", or "series" for another series.
        past: Channels of the inputs "series".
        ahead: Features of the inputs "ahead".
        static: Features of the inputs "static".
        lag: Rows that its past channels are late by.
    """

    name: str
    role: str
    past: Ints
    ahead: Ints
    static: Ints
    lag: int = 0


def sources_of(fitted: Fitted) -> tuple[Source, ...]:
    """List what a forecaster reads beside the series itself.

    Args:
        fitted: What was learned.

    Returns:
        The covariates in the order in which they are asked for, then holidays and the calendar.
    """
    state, found = fitted.covariates, []
    if state is not None:
        names = state.sources
        asked = fitted.settings.covariates
        own = () if asked is None else asked.past
        for name in dict.fromkeys((*names.past, *names.ahead, *names.static)):
            roles = {
                "past": name in own,
                "series": name in state.covariates.past,
                "future": name in state.covariates.future,
                "static": name in state.covariates.static,
                "calendar": name == CALENDAR,
            }
            past, ahead, static = (
                np.flatnonzero(np.array(part) == name) for part in (names.past, names.ahead, names.static)
            )
            role = next((role for role, holds in roles.items() if holds), "holidays")
            lag = state.covariates.lag(name) if role == "past" else 0
            found.append(Source(name, role, past + FIRST_PAST, ahead, static, lag))
    if fitted.plan.phases > 1 and all(source.role != "calendar" for source in found):
        nothing = np.empty(0, np.int64)
        found.append(Source(CALENDAR, "calendar", nothing, nothing, nothing))
    return tuple(found)


def hidden_sources(subject: Subject, sources: tuple[Source, ...]) -> Floats:
    """Find what each covariate adds to a forecast: the forecast less that without the covariate.

    What is hidden reads as unknown: numbers as their median, categories as none. Of the calendar the mean
    over its positions remains.

    Args:
        subject: What is explained.
        sources: The covariates.

    Returns:
        ``(sources, horizon)`` in the units of the target.
    """
    from pipelines.network import forecast_inputs

    phases = np.unique(subject.table.phase).astype(np.float32)
    shown, owner = [subject.inputs], [-1]
    for number, source in enumerate(sources):
        without = blank(subject.inputs, source)
        if source.role != "calendar":
            shown, owner = [*shown, without], [*owner, number]
            continue
        for phase in phases:
            series = without["series"].copy()
            series[:, -1, _PHASE] = phase
            shown, owner = [*shown, without | {"series": series}], [*owner, number]
    joined = {name: np.concatenate([inputs[name] for inputs in shown]) for name in subject.inputs}
    made = forecast_inputs(subject.network, joined, subject.quantile)
    means = np.stack([made[np.array(owner) == i].mean(axis=0) for i in range(-1, len(sources))])
    place = np.array([subject.series]), np.array([subject.row])
    forecasts = in_target_units(subject.table, *place, means[None])[0]
    changes: Floats = forecasts[0] - forecasts[1:]
    return changes


def blank(inputs: dict[str, npt.NDArray[np.float32]], *sources: Source) -> dict[str, npt.NDArray[np.float32]]:
    """Return inputs in which covariates are not known.

    Args:
        inputs: What the network is shown.
        *sources: The covariates.

    Returns:
        Copies.
    """
    changed = {name: values.copy() for name, values in inputs.items()}
    for source in sources:
        for name, which in (("series", source.past), ("ahead", source.ahead), ("static", source.static)):
            if len(which):
                changed[name][..., which] = 0.0
    return changed
