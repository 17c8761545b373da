"""Scores of stored forecasts, as actual values arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipelines.errors import ConfigError
from pipelines.metrics import seasonal_scale
from pipelines.nightly.matching import Floats, Ints, Known, known_rows, read_actuals, season_of
from pipelines.nightly.scored import Scored, metrics_of
from pipelines.skill import REFERENCE

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel

_KINDS: Final = ("", "cutoff", "step", "group")


class Scoring:
    """Score stored forecasts, the published one beside seasonal naive, night after night.

    Args:
        panel: What was observed.
        job: Settings; ``watch.group`` names a column of ``static`` or ``actuals``.
        actuals: The rows that the panel was read from.
        static: A row per series, or None.

    Raises:
        ConfigError: If there is no column to group by.
    """

    def __init__(
        self, panel: Panel, job: JobSettings, actuals: pd.DataFrame, static: pd.DataFrame | None
    ) -> None:
        self._panel, self._job = panel, job
        self._models = (job.model.alias, REFERENCE)
        self._levels = [f"{level:g}" for level in sorted(job.model.levels)]
        self._groups = None if job.watch.group is None else _groups(panel, job, actuals, static)
        self._scale: Floats | None = None
        # By what the rows are told apart, and by model: each label, and what was summed over its rows.
        self._sums: dict[tuple[str, str], dict[Any, Floats]] = {
            (kind, model): {} for kind in _KINDS for model in self._models
        }
        self._names: list[str] = []

    @property
    def columns(self) -> list[str]:
        """Columns of a night that are needed."""
        return [name for model in self._models for name in (model, *_bounds(model, self._levels))]

    def take(self, rows: Known) -> None:
        """Add up the errors of a night; the first one is the oldest.

        Args:
            rows: What is known of it.
        """
        if self._scale is None:
            self._scale = _scales(self._panel, self._job, rows)
        places: dict[str, tuple[Ints, list[Any]]] = {
            "": (np.zeros_like(rows.step), [""]),
            "cutoff": (np.zeros_like(rows.step), [rows.cutoff]),
            "step": _numbered(rows.step),
        }
        if self._groups is not None:
            codes, labels = self._groups
            places["group"] = codes[rows.series], labels
        for model in self._models:
            losses = dict(_losses(model, self._levels, rows, self._scale[rows.series]))
            self._names = ["rows", *losses]
            for kind, (place, labels) in places.items():
                n, own = len(labels), self._sums[kind, model]
                sums = [np.bincount(place, values, n) for values in losses.values()]
                table = np.array([np.bincount(place, minlength=n), *sums], np.float64).T
                for label, line in zip(labels, table, strict=True):
                    own[label] = own[label] + line if label in own else line

    def scored(self) -> Scored:
        """Return the scores of what was taken."""
        tables = {kind: self._table(kind) for kind in _KINDS}
        return Scored(
            overall=tables[""].drop(columns="").set_index("model"),
            by_cutoff=tables["cutoff"],
            by_step=tables["step"],
            by_group=tables["group"],
        )

    def _table(self, kind: str) -> pd.DataFrame:
        parts = []
        for model in self._models:
            own = {label: line for label, line in self._sums[kind, model].items() if line[0]}
            labels = [*own] if kind == "group" else sorted(own)
            lines = np.array([own[label] for label in labels]) if labels else np.empty((0, len(self._names)))
            sums = dict(zip(self._names, lines.T, strict=True))
            parts.append(metrics_of(model, kind, labels, sums, self._levels))
        return pd.concat(parts, ignore_index=True)


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
    scoring = Scoring(panel, job, actuals, static)
    for rows in known_rows(nights, panel, job, scoring.columns):
        scoring.take(rows)
    return scoring.scored()


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


def _groups(
    panel: Panel, job: JobSettings, actuals: pd.DataFrame, static: pd.DataFrame | None
) -> tuple[Ints, list[Any]]:
    """Number of the group of each series, and the groups."""
    name, id_col = str(job.watch.group), job.model.id_col
    frame = group_column(actuals, static, name)
    # The last row of a series counts.
    of_series = frame[[id_col, name]].drop_duplicates(id_col, keep="last").set_index(id_col)[name]
    of_series.index = of_series.index.astype(object)
    labels = of_series.reindex(pd.Index(panel.ids.astype(object))).astype(object)
    codes, unique = pd.factorize(labels.where(labels.notna(), "(none)"), sort=False)
    return codes.astype(np.int64), [*unique]


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
