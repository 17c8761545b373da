"""Scores of stored forecasts, as actual values arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.errors import ConfigError
from pipelines.metrics import seasonal_scale
from pipelines.nightly.matching import Floats, Ints, Known, known_rows, read_actuals, season_of
from pipelines.nightly.scored import Scored, Sums
from pipelines.skill import REFERENCE

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel


class Scoring:
    """Score stored forecasts, the published one beside seasonal naive, night after night.

    Args:
        panel: What was observed.
        job: Settings.
        groups: What ``groups_of`` has returned of the panel; None for no groups.
    """

    def __init__(self, panel: Panel, job: JobSettings, groups: tuple[Ints, list[Any]] | None) -> None:
        self.sums = Sums((job.model.alias, REFERENCE), [f"{level:g}" for level in sorted(job.model.levels)])
        self._panel, self._job, self._groups = panel, job, groups
        self._scale: Floats | None = None

    @property
    def columns(self) -> list[str]:
        """Columns of a night that are needed."""
        sums = self.sums
        return [name for model in sums.models for name in (model, *_bounds(model, sums.levels))]

    def take(self, rows: Known) -> None:
        """Add up the errors of a night; the first one is the oldest.

        Args:
            rows: What is known of it.
        """
        if self._scale is None:
            self._scale = _scales(self._panel, self._job, rows)
        none = np.zeros_like(rows.step)
        places: dict[str, tuple[Ints, list[Any]]] = {
            "": (none, [""]),
            "cutoff": (none, [rows.cutoff]),
            "step": _numbered(rows.step),
        }
        if self._groups is not None:
            codes, labels = self._groups
            places["group"] = codes[rows.series], labels
        for model in self.sums.models:
            losses = dict(_losses(model, self.sums.levels, rows, self._scale[rows.series]))
            for kind, (place, labels) in places.items():
                self.sums.take(kind, model, place, labels, losses)


def score_nights(
    nights: Iterable[tuple[Cutoff, pd.DataFrame]],
    actuals: pd.DataFrame,
    job: JobSettings,
    static: pd.DataFrame | None = None,
) -> Scored:
    """Score stored forecasts by what was observed since.

    Args:
        nights: Cutoff and forecasts of each: id, time, cutoff, the forecast and its intervals, and those of
            SeasonalNaive; the oldest first, but a sequence may have them in any order.
        actuals: Id, time and target column.
        job: Settings; ``watch.group`` names a column of ``static`` or ``actuals``.
        static: A row per series.

    Returns:
        The scores; without rows where nothing is known yet.

    Raises:
        PanelError: If the actual values cannot be used.
        ConfigError: If there is no column to group by.
    """
    panel = read_actuals(actuals, job)
    scoring = Scoring(panel, job, groups_of(panel, job, actuals, static))
    for rows in known_rows(nights, panel, job, scoring.columns):
        scoring.take(rows)
    return scoring.sums.scored()


def groups_of(
    panel: Panel, job: JobSettings, actuals: pd.DataFrame, static: pd.DataFrame | None
) -> tuple[Ints, list[Any]] | None:
    """Find the groups that ``watch.group`` sorts series into.

    Args:
        panel: The series.
        job: Settings.
        actuals: The rows that the panel was read from.
        static: A row per series; None where there is none.

    Returns:
        ``(series,)`` numbers of groups, and the groups; None if none are asked for.

    Raises:
        ConfigError: If there is no column to group by.
    """
    if job.watch.group is None:
        return None
    name, id_col = job.watch.group, job.model.id_col
    frame = group_column(actuals, static, name)
    # The last row of a series counts.
    of_series = frame[[id_col, name]].drop_duplicates(id_col, keep="last").set_index(id_col)[name]
    of_series.index = of_series.index.astype(object)
    labels = of_series.reindex(pd.Index(panel.ids.astype(object))).astype(object)
    codes, unique = pd.factorize(labels.where(labels.notna(), "(none)"), sort=False)
    return codes.astype(np.int64), [*unique]


def group_column(actuals: pd.DataFrame, static: pd.DataFrame | None, name: str) -> pd.DataFrame:
    """Return the frame that holds the column to group by.

    Args:
        actuals: The rows of the series.
        static: A row per series; None where there is none.
        name: Name of the column.

    Returns:
        One of the two.

    Raises:
        ConfigError: If neither does.
    """
    for frame in (static, actuals):
        if frame is not None and name in frame.columns:
            return frame
    known = [str(column) for frame in (static, actuals) if frame is not None for column in frame.columns]
    raise ConfigError(
        f"'watch.group' must name a column of the static file or of the data. Received: {name!r}, where "
        f"there are {', '.join(map(repr, known))}; correct it, or leave it out."
    )


def _bounds(model: str, levels: Sequence[str]) -> list[str]:
    return [f"{model}-{side}-{level}" for level in levels for side in ("lo", "hi")]


def _scales(panel: Panel, job: JobSettings, rows: Known) -> Floats:
    """Units of the scaled error: seasonal naive's error in each series before the first night."""
    season = season_of(panel, job)
    first, _ = panel.freq.locate(panel.starts)
    begin = rows.position - rows.step  # the cutoff
    known = np.clip(begin.min() - first + 1, 0, panel.lengths)
    starts, ends = panel.indptr[:-1], panel.indptr[:-1] + known
    scales = [seasonal_scale(panel.values[a:b], season)[0] for a, b in zip(starts, ends, strict=True)]
    return np.array(scales, np.float64)


def _numbered(values: Ints) -> tuple[Ints, list[Any]]:
    unique, place = np.unique(values, return_inverse=True)
    return place, unique.tolist()


def _losses(model: str, levels: Sequence[str], rows: Known, scale: Floats) -> Iterator[tuple[str, Floats]]:
    """What is summed over rows, by name."""
    y, point = rows.y, rows.columns[model]
    error = np.abs(y - point)
    yield "absolute", error
    yield "size", np.abs(y)
    yield "scaled", np.where(np.isnan(scale), 0.0, error / scale)
    yield "has_scale", (~np.isnan(scale)).astype(np.float64)
    pinball = error / 2
    for level in levels:
        lo, hi = (rows.columns[name] for name in _bounds(model, [level]))
        tail = 0.5 - float(level) / 200
        for bound, q in ((lo, tail), (hi, 1 - tail)):
            pinball = pinball + np.maximum(q * (y - bound), (q - 1) * (y - bound))
        yield f"inside_{level}", ((lo <= y) & (y <= hi)).astype(np.float64)
        yield f"on_{level}", ((lo == y) | (y == hi)).astype(np.float64)
    yield "pinball", pinball
