"""Searching all rows at once, and what is found as frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.anomaly.blocks import block_numbers
from pipelines.anomaly.found import Found
from pipelines.anomaly.judging import Judge
from pipelines.anomaly.multiplicity import false_discovery_cut
from pipelines.anomaly.scan import advance, parts_of, track
from pipelines.anomaly.track import Track
from pipelines.fitted import Fitted
from pipelines.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Cut = Callable[[int, Ints], Floats]

_LEVEL: Final = 95.0  # of the band where a forecaster has no levels
_COLUMNS: Final = {
    name: float for name in ("expected", "low", "high", "score", "p_value")
} | {"is_anomaly": bool}  # fmt: skip


class Told(NamedTuple):
    """What is known of some rows of a series.

    Attributes:
        series: Position of the series.
        first: The first of the rows, counted from its start.
        found: Intervals.
        columns: Values of the rows by name.
    """

    series: int
    first: int
    found: list[Found]
    columns: dict[str, npt.NDArray[np.generic]]


def search(
    fitted: Fitted, panel: Panel, first: Mapping[int, int], judge: Judge, fdr: float | None = None
) -> list[Told]:
    """Look for what is unusual.

    Args:
        fitted: What was learned.
        panel: The series.
        first: First row of each to search, by position.
        judge: What is unusual.
        fdr: Expected share of false ones among the series that are reported for a block; None to judge each
            series by itself.

    Returns:
        What was found, series by series.
    """

    def tell(i: int, one: Track, limit: Floats | None) -> Told:
        found = one.found(panel.series(i), limit)
        return Told(i, first[i], found, one.columns(found, first[i], band_level(fitted)))

    told: list[Told] = []
    smallest: dict[int, Floats] = {}
    numbers: dict[int, Ints] = {}
    # Which series count in a block depends on all of them: these are gone through twice.
    for is_last in (False, True) if fdr is not None else (True,):
        cuts = _cuts(smallest, numbers, fdr) if fdr is not None and is_last else None
        for part in parts_of(fitted, panel, first):
            tracks = {i: track(panel, i, row, judge, fitted) for i, row in part.items()}
            advance(fitted, panel, tracks)
            for i, one in tracks.items():
                if is_last:
                    told.append(tell(i, one, None if cuts is None else cuts[i]))
                else:
                    smallest[i] = one.row_p_values
                    numbers[i] = block_numbers(panel, i, judge.horizon, first[i], int(panel.lengths[i]))
    return told


def band_level(fitted: Fitted) -> float:
    """Level of the band that is drawn, in percent: the widest that the forecaster was asked for."""
    return max(fitted.settings.levels, default=_LEVEL)


def _cuts(smallest: dict[int, Floats], numbers: dict[int, Ints], fdr: float) -> dict[int, Floats]:
    """p-values up to which the rows of each series count."""
    base = min(int(each[0]) for each in numbers.values())
    blocks = max(int(each[-1]) for each in numbers.values()) - base + 1
    table = np.full((len(smallest), blocks), np.nan)
    for run, (i, p_values) in enumerate(smallest.items()):
        np.fmin.at(table[run], numbers[i] - base, p_values)
    cut = false_discovery_cut(table, fdr)
    return {i: cut[each - base] for i, each in numbers.items()}


def rows_frame(panel: Panel, told: Sequence[Told]) -> pd.DataFrame:
    """Lay rows that were searched out in a frame.

    Args:
        panel: The series.
        told: What is known of them.

    Returns:
        Columns id, time, target, ``expected``, ``low``, ``high``, ``score``, ``p_value``, ``is_anomaly``.
    """
    counts = [len(each.columns["score"]) for each in told]
    series = np.repeat(np.array([each.series for each in told], np.int64), counts)
    ranges = [np.arange(each.first, each.first + n) for each, n in zip(told, counts, strict=True)]
    row = np.concatenate([np.empty(0, np.int64), *ranges])
    frame = panel.key_frame(series, panel.freq.advance(panel.starts[series], row))
    frame[panel.columns.target_col] = panel.values[panel.indptr[series] + row]
    for name, kind in _COLUMNS.items():
        frame[name] = np.concatenate([np.empty(0, kind), *(each.columns[name] for each in told)])
    return frame
