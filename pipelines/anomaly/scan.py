"""Searching series: forecasts of many at a time, judged one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.anomaly.blocks import Blocks, block_numbers
from pipelines.anomaly.judging import Judge
from pipelines.anomaly.residuals import Forecasts, forecast_rows
from pipelines.anomaly.track import Track
from pipelines.anomaly.windows import window_features
from pipelines.fitted import Fitted
from pipelines.panel import Panel

Ints = npt.NDArray[np.int64]

# Horizons that are forecast from in one pass. What lies after an anomaly is forecast again without it.
_CHUNK: Final = 8
# Numbers that the forecasts of the series in work may take.
_KEPT: Final = 2**25


def rows_since(panel: Panel, first: Ints, warm_up: int) -> dict[int, int]:
    """Choose the rows of each series from one on that a forecast can be made of.

    Args:
        panel: The series.
        first: ``(series,)`` rows, counted from the start of each.
        warm_up: Rows at the start of a series before which nothing is known of its season.

    Returns:
        First row of each series that has any, by position.
    """
    first = np.maximum(first, max(warm_up, 1))
    return {i: int(first[i]) for i in np.flatnonzero(first < panel.lengths).tolist()}


def parts_of(fitted: Fitted, panel: Panel, first: Mapping[int, int]) -> Iterator[dict[int, int]]:
    """Divide series into parts whose forecasts fit into memory.

    Args:
        fitted: What was learned.
        panel: The series.
        first: First row of each, by position.

    Yields:
        The same for some of them.
    """
    part: dict[int, int] = {}
    room = _KEPT // (fitted.plan.horizon * len(fitted.probabilities))
    for i, row in first.items():
        rows = int(panel.lengths[i]) - row
        if part and rows > room:
            yield part
            part, room = {}, _KEPT // (fitted.plan.horizon * len(fitted.probabilities))
        part[i] = row
        room -= rows
    if part:
        yield part


def learn_blocks(fitted: Fitted, panel: Panel, first: Mapping[int, int]) -> Iterator[Blocks]:
    """Go through rows in which little is unusual.

    Args:
        fitted: What was learned.
        panel: The series.
        first: First row of each, by position.

    Yields:
        The blocks of each series.
    """
    horizon = fitted.plan.horizon
    for part in parts_of(fitted, panel, first):
        found: dict[int, list[Forecasts]] = {i: [] for i in part}
        count = rows_of_pass(panel, part, horizon)
        pending = part
        while pending:
            for i, forecasts in forecast_rows(fitted, panel, pending, count):
                found[i].append(forecasts)
            done = {i: row + len(found[i][-1]) for i, row in pending.items()}
            pending = {i: row for i, row in done.items() if row < panel.lengths[i]}
        for i, pieces in found.items():
            forecasts = reduce(Forecasts.followed_by, pieces)
            features = window_features(forecasts.residuals(panel.series(i)[part[i] :]))
            numbers = block_numbers(panel, i, horizon, part[i], int(panel.lengths[i]))
            yield Blocks.of(features, numbers, horizon, str(panel.ids[i]))


def track(panel: Panel, i: int, first: int, judge: Judge, fitted: Fitted) -> Track:
    """Begin to search a series.

    Args:
        panel: The series.
        i: Position of one.
        first: First row to search, counted from its start.
        judge: What is unusual.
        fitted: What was learned.

    Returns:
        Its track.
    """
    [start], _ = panel.freq.locate(panel.starts[[i]])
    return Track(str(panel.ids[i]), first, int(start) % judge.horizon, judge, fitted.probabilities)


def advance(fitted: Fitted, panel: Panel, tracks: Mapping[int, Track]) -> None:
    """Search series to their ends.

    Args:
        fitted: What was learned.
        panel: The series.
        tracks: Their tracks, by position.
    """
    count = rows_of_pass(panel, {i: each.next for i, each in tracks.items()}, fitted.plan.horizon)
    while pending := {i: each.next for i, each in tracks.items() if each.next < panel.lengths[i]}:
        shown = {i: tracks[i].shown for i in pending}
        for i, forecasts in forecast_rows(fitted, panel, pending, count, shown):
            tracks[i].extend(forecasts, panel.series(i))


def rows_of_pass(panel: Panel, first: Mapping[int, int], horizon: int) -> int:
    """Choose the rows that one pass forecasts of each series: one of three sizes, each compiled by itself.

    Args:
        panel: The series.
        first: First row of each, by position.
        horizon: Steps of a forecast.

    Returns:
        1, a horizon, or eight horizons.
    """
    needed = max((int(panel.lengths[i]) - row for i, row in first.items()), default=1)
    sizes = (1, horizon, _CHUNK * horizon)
    return next((size for size in sizes if size >= needed), sizes[-1])
