"""What is known of an interval that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.anomaly.judging import Hits
from pipelines.anomaly.residuals import Forecasts
from pipelines.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Found(NamedTuple):
    """An interval of rows, counted from the start of their series, that are not as usual.

    Attributes:
        first: First row.
        last: Last row.
        score: Largest score of a stretch in it.
        p_value: Smallest p-value of a stretch in it.
        direction: "high" or "low": where most of it lies beside what was expected.
        expected: Mean of what was expected, over the rows that were observed.
        observed: Mean of what was observed.
        peak: Row furthest from what was expected.
    """

    first: int
    last: int
    score: float
    p_value: float
    direction: str
    expected: float
    observed: float
    peak: int

    @classmethod
    def of(cls, first: int, last: int, hits: Hits, forecasts: Forecasts, base: int, values: Floats) -> Found:
        """Describe an interval.

        Args:
            first: First row.
            last: Last row.
            hits: Unusual stretches of the series.
            forecasts: Forecasts of its rows.
            base: Row of the first of these.
            values: ``(rows,)`` what happened in the series, from its start.

        Returns:
            The interval.
        """
        row = np.arange(first, last + 1)
        place, ahead = seen_from_before(row - base, first - base, forecasts.quantiles.shape[1])
        residual = forecasts.residuals_at(place, ahead, values[row])
        known = np.isfinite(residual)
        inside = hits.inside(first, last)
        return cls(
            first,
            last,
            float(inside.scores.max()),
            float(inside.p_values.min()),
            "high" if residual[known].sum() > 0 else "low",
            float(forecasts.at(place, ahead, 0.5)[known].mean()),
            float(values[row[known]].mean()),
            int(row[np.nanargmax(np.abs(residual))]),
        )


def seen_from_before(row: Ints, first: int, horizon: int) -> tuple[Ints, Ints]:
    """Find the forecasts of rows of an interval that were made just before it, or a horizon before them.

    Args:
        row: Rows of it.
        first: Its first row.
        horizon: Steps of a forecast.

    Returns:
        Row after the origin, and the step, from 0 on.

    Example:
        >>> seen_from_before(np.arange(5, 9), first=5, horizon=3)
        (array([5, 5, 5, 6]), array([0, 1, 2, 2]))
    """
    ahead = np.minimum(row - first, horizon - 1)
    return row - ahead, ahead


def found_frame(panel: Panel, found: list[tuple[int, Found]]) -> pd.DataFrame:
    """Lay intervals out in a frame.

    Args:
        panel: The series.
        found: Position of the series and the interval of each.

    Returns:
        Columns id, ``start``, ``end``, ``score``, ``p_value``, ``direction``, ``expected``, ``observed`` and
        ``peak``.
    """
    import pandas as pd

    series = np.array([i for i, _ in found], np.int64)
    stamps = {
        name: panel.frame_time(
            panel.freq.advance(panel.starts[series], np.array([getattr(each, row) for _, each in found], int))
        )
        for name, row in (("start", "first"), ("end", "last"), ("peak", "peak"))
    }
    kinds = {"score": float, "p_value": float, "direction": "str", "expected": float, "observed": float}
    facts = {
        name: pd.Series([getattr(each, name) for _, each in found], dtype=kind)
        for name, kind in kinds.items()
    }
    ids = pd.Series(panel.ids).take(series).reset_index(drop=True)
    return pd.DataFrame(
        {panel.columns.id_col: ids, "start": stamps["start"], "end": stamps["end"], **facts}
    ).assign(peak=stamps["peak"])
