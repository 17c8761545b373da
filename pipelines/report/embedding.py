"""Which series a report embeds, and their numbers in a compact form for its script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd

from pipelines.plots.frames import Columns, levels_of, stamps_of, windows_of
from pipelines.plots.series import history_length
from pipelines.report.ranking import Ranking, landmarks
from pipelines.results import ForecastResult
from pipelines.skill import REFERENCE

MAX_NUMBERS = 660_000
"""Numbers embedded at most: noise takes 4.2 bytes each in the file, where plotly.js takes 2 MB."""

MAX_TESTED = 600
"""Backtest rows embedded of a series at most; more cannot be told apart in a chart."""

N_WORST = 10
"""Series of the worst-series table."""


def choose_series(
    result: ForecastResult, ranking: Ranking, max_numbers: int = MAX_NUMBERS
) -> tuple[list[int], int]:
    """Choose what to embed: every series if they fit, if need be with a shorter backtest of each.

    Where even that is too much, the worst ten and others at even distances in the ranking are taken.

    Args:
        result: Run to report.
        ranking: Its series.
        max_numbers: Numbers that may be embedded.

    Returns:
        Places in the ranking in increasing order, with worst, median and best always among them; and the
        backtest rows to embed of each series.

    Example:
        >>> forecast = pd.DataFrame({"unique_id": range(1000), "ds": 1, "TCN": 1.0})
        >>> result = ForecastResult("demo", forecast, forecast, pd.DataFrame(), scores=None, horizon=1)
        >>> ranking = Ranking("mase", list(range(1000)), [1.0] * 1000)
        >>> len(choose_series(result, ranking)[0]), len(choose_series(result, ranking, max_numbers=200)[0])
        (1000, 33)
    """
    n_series, horizon = len(ranking.ids), result.horizon
    shown = min(history_length(horizon, result.season_length), len(result.history) // n_series)
    own_axis = int(result.forecast[result.columns[1]].nunique() > horizon)  # else series share their stamps
    drawn = (1 + own_axis) * shown + (1 + own_axis + 2 * len(result.levels)) * horizon
    tested_columns = 5 + own_axis
    tested = min(MAX_TESTED, len(result.backtest) // n_series)
    tested = min(tested, max(horizon, (max_numbers // n_series - drawn) // tested_columns))
    n_fit = max_numbers // (drawn + tested_columns * tested)
    if n_fit >= n_series:
        return list(range(n_series)), tested
    spread = np.linspace(0, n_series - 1, max(n_fit - N_WORST, 3)).round().astype(int).tolist()
    return sorted({*spread, *range(min(N_WORST, n_series)), *landmarks(ranking).values()}), tested


@dataclass
class _Stamps:
    """Time axes, each kept once however many series share it."""

    axes: list[list[Any]] = field(default_factory=list)
    places: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def place(self, axis: list[Any]) -> int:
        place = self.places.setdefault(tuple(axis), len(self.axes))
        if place == len(self.axes):
            self.axes.append(axis)
        return place


def embed_series(
    result: ForecastResult, ranking: Ranking, places: list[int], tested_rows: int = MAX_TESTED
) -> dict[str, Any]:
    """Numbers of some series as the report's script reads them.

    Args:
        result: Run to report.
        ranking: Its series.
        places: Places in the ranking to embed.
        tested_rows: Backtest rows to embed of each series; at least one window is.

    Returns:
        ``stamps`` (time axes) and ``series``, each with ``id``, ``place``, ``score``, ``past``, ``ahead`` and
        ``windows``, which name their time axis by number. JSON-able.

    Example:
        >>> forecast = pd.DataFrame({"unique_id": ["a"], "ds": [2], "TCN": [1.23456789]})
        >>> history = pd.DataFrame({"unique_id": ["a"], "ds": [1], "y": [1.0]})
        >>> result = ForecastResult("demo", forecast, history, pd.DataFrame(), scores=None, horizon=1)
        >>> data = embed_series(result, Ranking("", ["a"], [float("nan")]), [0])
        >>> data["stamps"], data["series"][0]["ahead"]
        ([[1], [2]], {'x': 1, 'median': [1.2346]})
    """
    alias, target_col = result.alias, result.columns[2]
    wanted = [ranking.ids[place] for place in places]
    shown = history_length(result.horizon, result.season_length)
    bounds = {f"{side}-{level}": side for level in levels_of(result.forecast, alias) for side in ("lo", "hi")}
    past = _Rows.of(result.history, wanted, result.columns, {"actual": target_col})
    fan = {"median": alias, **{name: f"{alias}-{name}" for name in bounds}}
    ahead = _Rows.of(result.forecast, wanted, result.columns, fan)
    drawn = {"actual": target_col, "median": alias, "compare": REFERENCE}
    for level in levels_of(result.backtest, alias)[-1:]:
        drawn |= {side: f"{alias}-{side}-{level}" for side in ("lo", "hi")}
    tested = _Rows.of(result.backtest, wanted, result.columns, drawn)
    stamps = _Stamps()
    series = []
    for place, name in zip(places, wanted, strict=True):
        rows = tested.rows_of(name)
        cutoffs, times = ([values[row] for row in rows] for values in (tested.cutoffs, tested.stamps))
        windows = windows_of(cutoffs, times, tested_rows) if rows else []
        series.append(
            {
                "id": str(name),
                "place": place,
                "score": _compact([ranking.scores[place]])[0],
                "past": past.take(past.rows_of(name)[-shown:], stamps),
                "ahead": ahead.take(ahead.rows_of(name), stamps),
                "windows": [tested.take([rows[row] for row in window], stamps) for window in windows],
            }
        )
    return {"stamps": stamps.axes, "series": series}


@dataclass(frozen=True)
class _Rows:
    """Rows of the wanted series as plain lists, converted at once because frames are slow in small pieces."""

    spans: dict[Any, range]
    stamps: list[Any]
    cutoffs: list[Any]
    values: dict[str, list[float | None]]

    @classmethod
    def of(cls, frame: pd.DataFrame, wanted: list[Any], columns: Columns, names: dict[str, str]) -> Self:
        """Read the columns that the frame has, under short names; ``columns`` are id, time and target."""
        if frame.empty:
            return cls({}, [], [], {})
        id_col, time_col, _ = columns
        rows = frame[frame[id_col].isin(wanted)]
        codes, ids = pd.factorize(rows[id_col])
        keys = [name for name in ("cutoff", time_col) if name in rows.columns]
        rows = rows.assign(**{id_col: codes}).sort_values([id_col, *keys])
        ends = np.searchsorted(np.sort(codes), np.arange(len(ids) + 1)).tolist()
        return cls(
            {name: range(*span) for name, span in zip(ids, pairwise(ends), strict=True)},
            stamps_of(rows[time_col]),
            rows["cutoff"].tolist() if "cutoff" in keys else [],
            {short: _compact(rows[name]) for short, name in names.items() if name in rows.columns},
        )

    def rows_of(self, name: Any) -> range:
        return self.spans.get(name, range(0))

    def take(self, rows: Sequence[int], stamps: _Stamps) -> dict[str, Any]:
        axis = stamps.place([self.stamps[row] for row in rows])
        return {"x": axis, **{short: [values[row] for row in rows] for short, values in self.values.items()}}


def _compact(values: Any) -> list[float | None]:
    """Numbers of five significant digits, null where there is none."""
    exact = np.asarray(values, dtype=float)
    finite = np.isfinite(exact)
    sizes = np.floor(np.log10(np.abs(exact), where=finite & (exact != 0), out=np.zeros_like(exact)))
    scale = 10.0 ** np.clip(4 - sizes, -300, 300)
    rounded = np.where(finite, np.round(np.where(finite, exact, 0.0) * scale) / scale, np.nan)
    return [None if value != value else value for value in rounded.tolist()]
