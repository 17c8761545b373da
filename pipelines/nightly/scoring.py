"""Scores of stored forecasts, as actual values arrive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipelines.errors import ConfigError
from pipelines.metrics import seasonal_scale
from pipelines.nightly.matching import Floats, Ints, Matched, match, read_actuals, season_of
from pipelines.skill import REFERENCE

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel

_GROUPS: Final = 20  # groups with figures of their own in MLflow


@dataclass(frozen=True)
class Scored:
    """What the nights were worth: the published forecast beside seasonal naive, on the same rows.

    The metrics are ``rows``, ``mae``; ``mase``, the mean of absolute errors in units of the series' own
    seasonal naive error before the first night; ``wql``; and for each level L ``coverage_L``, the share of
    values inside the interval or on its bounds, and ``on_bound_L``, the share exactly on one.

    Args:
        overall: A row per model (the index), the published one first.
        by_cutoff: A row per model and night: ``model``, ``cutoff``, the metrics.
        by_step: A row per model and number of steps ahead: ``model``, ``step``, the metrics.
        by_group: A row per model and group of series: ``model``, ``group``, the metrics; none without groups.
    """

    overall: pd.DataFrame
    by_cutoff: pd.DataFrame
    by_step: pd.DataFrame
    by_group: pd.DataFrame

    @property
    def nights(self) -> int:
        """Number of nights of which something is known."""
        return int(self.by_cutoff["cutoff"].nunique())

    def figures(self) -> dict[str, float]:
        """Return what is tracked over time: means over the nights, by names that MLflow takes.

        Returns:
            Metrics of the published forecast, its skill against seasonal naive, also by group and at the
            first and last step; empty if nothing is known yet.
        """
        if self.overall.empty:
            return {}
        own = self.overall.iloc[0]
        found = {"nights": float(self.nights)}
        found |= {str(name): float(value) for name, value in own.items() if not str(name).startswith("on_")}
        found["mae_seasonal_naive"] = float(self.overall.loc[REFERENCE, "mae"])
        found["skill_mae"] = _skill(self.overall.reset_index())
        steps = self.by_step["step"]
        for name, step in (("first", steps.min()), ("last", steps.max())):
            found[f"skill_mae/{name}_step"] = _skill(self.by_step[steps == step])
        for group, table in [*self.by_group.groupby("group", sort=True)][:_GROUPS]:
            found[f"skill_mae/group/{re.sub(r'[^A-Za-z0-9_. -]', '_', str(group))}"] = _skill(table)
        return {name: value for name, value in found.items() if np.isfinite(value)}


def score_nights(
    nights: Sequence[tuple[Cutoff, pd.DataFrame]],
    actuals: pd.DataFrame,
    job: JobSettings,
    static: pd.DataFrame | None = None,
) -> Scored:
    """Score stored forecasts by what was observed since.

    Args:
        nights: Cutoff and forecasts of each: id, time, cutoff, the forecast and its intervals, and those of
            SeasonalNaive; in any order of nights and rows.
        actuals: Id, time and target column.
        job: Settings; ``watch.group`` names a column of ``static`` or ``actuals``.
        static: A row per series.

    Returns:
        The scores; without rows where nothing is known yet.

    Raises:
        PanelError: If the actual values cannot be used.
        ConfigError: If there is no column to group by.
    """
    panel, models = read_actuals(actuals, job), (job.model.alias, REFERENCE)
    levels = [f"{level:g}" for level in sorted(job.model.levels)]
    names = [name for model in models for name in (model, *_bounds(model, levels))]
    rows = match(nights, panel, job, names)
    scale = _scales(panel, job, rows)[rows.series]
    groups = {"cutoff": (rows.night, [*rows.cutoffs]), "step": _numbered(rows.step)}
    if job.watch.group is not None:
        group, labels = _groups(panel, job, actuals, static)
        groups["group"] = group[rows.series], labels
    tables: dict[str, list[pd.DataFrame]] = {"": [], "cutoff": [], "step": [], "group": []}
    for model in models:
        sums = dict(_losses(model, levels, rows, scale))
        tables[""].append(_table(sums, model, levels, np.zeros_like(rows.step), [""], ""))
        for name, (place, labels) in groups.items():
            tables[name].append(_table(sums, model, levels, place, labels, name))
    whole = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items() if parts}
    return Scored(
        overall=whole[""].drop(columns="").set_index("model"),
        by_cutoff=whole["cutoff"],
        by_step=whole["step"],
        by_group=whole.get("group", whole["step"].iloc[:0].rename(columns={"step": "group"})),
    )


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


def _scales(panel: Panel, job: JobSettings, rows: Matched) -> Floats:
    """Units of the scaled error: seasonal naive's error in each series before the first night."""
    season = season_of(panel, job)
    first, _ = panel.freq.locate(panel.starts)
    begin = rows.position - rows.step  # the cutoff
    known = np.clip((begin.min() if len(begin) else 0) - first + 1, 0, panel.lengths)
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


def _losses(model: str, levels: Sequence[str], rows: Matched, scale: Floats) -> Iterator[tuple[str, Floats]]:
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


def _table(
    losses: dict[str, Floats], model: str, levels: Sequence[str], place: Ints, labels: list[Any], name: str
) -> pd.DataFrame:
    n = len(labels)
    count = np.bincount(place, minlength=n)
    sums = {key: np.bincount(place, values, n) for key, values in losses.items()}
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0: nothing to average
        metrics = {
            "mae": sums["absolute"] / count,
            "mase": sums["scaled"] / sums["has_scale"],
            "wql": 2 * sums["pinball"] / sums["size"] / (1 + 2 * len(levels)),
        }
        for level in levels:
            metrics[f"coverage_{level}"] = sums[f"inside_{level}"] / count
            metrics[f"on_bound_{level}"] = sums[f"on_{level}"] / count
    table = pd.DataFrame({"model": model, name: labels, "rows": count, **metrics})
    return table[count > 0]


def _skill(table: pd.DataFrame) -> float:
    """1 - error / seasonal naive's, of a table with a row for each of both."""
    own, naive = (float(value) for value in table["mae"])
    return 1 - own / naive if naive > 0 else np.nan
