"""What nights were worth, and the metrics that say so."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from pipelines.nightly.matching import Floats, Ints
from pipelines.skill import REFERENCE

_GROUPS: Final = 20  # groups with figures of their own in MLflow
_KINDS: Final = ("", "cutoff", "step", "group")


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


class Sums:
    """Losses of rows, added up by model and by what rows are told apart by.

    Args:
        models: Names, the published one first.
        levels: Levels of intervals.
    """

    def __init__(self, models: Sequence[str], levels: Sequence[str]) -> None:
        self.models, self.levels = models, levels
        self._names: list[str] = []
        self._sums: dict[tuple[str, str], dict[Any, Floats]] = {
            (kind, model): {} for kind in _KINDS for model in models
        }

    def take(
        self, kind: str, model: str, place: Ints, labels: Sequence[Any], losses: Mapping[str, Floats]
    ) -> None:
        """Add rows.

        Args:
            kind: What they are told apart by: "" for nothing, "cutoff", "step" or "group".
            model: Who has forecast.
            place: ``(rows,)`` position of each row's label.
            labels: Labels.
            losses: Name of a loss to its values ``(rows,)``.
        """
        n, self._names = len(labels), ["rows", *losses]
        sums = [np.bincount(place, values, n) for values in losses.values()]
        table = np.array([np.bincount(place, minlength=n), *sums], np.float64).T
        self._merge((kind, model), dict(zip(labels, table, strict=True)))

    def add(self, other: Sums) -> None:
        """Add what was added up for other rows.

        Args:
            other: Where it was added up.
        """
        self._names = self._names or other._names
        for key, lines in other._sums.items():
            self._merge(key, lines)

    def _merge(self, key: tuple[str, str], lines: Mapping[Any, Floats]) -> None:
        own = self._sums[key]
        for label, line in lines.items():
            own[label] = own[label] + line if label in own else line

    def scored(self) -> Scored:
        """Return what these rows were worth."""
        tables = {kind: self._table(kind) for kind in _KINDS}
        return Scored(
            overall=tables[""].drop(columns="").set_index("model"),
            by_cutoff=tables["cutoff"],
            by_step=tables["step"],
            by_group=tables["group"],
        )

    def _table(self, kind: str) -> pd.DataFrame:
        parts = []
        for model in self.models:
            own = {label: line for label, line in self._sums[kind, model].items() if line[0]}
            labels = [*own] if kind == "group" else sorted(own)
            lines = np.array([own[label] for label in labels]) if labels else np.empty((0, len(self._names)))
            sums = dict(zip(self._names, lines.T, strict=True))
            parts.append(metrics_of(model, kind, labels, sums, self.levels))
        return pd.concat(parts, ignore_index=True)


def metrics_of(
    model: str, kind: str, labels: list[Any], sums: Mapping[str, Floats], levels: Sequence[str]
) -> pd.DataFrame:
    """Compute the metrics of a model by label.

    Args:
        model: Its name.
        kind: What the labels are.
        labels: Labels.
        sums: Name of a loss to its sums over the rows of each label.
        levels: Levels of intervals.

    Returns:
        A row per label: see `Scored`.
    """
    if not labels:
        sums = defaultdict(lambda: np.empty(0))
    count = sums["rows"]
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0: nothing to average
        metrics = {
            "mae": sums["absolute"] / count,
            "mase": sums["scaled"] / sums["has_scale"],
            "wql": 2 * sums["pinball"] / sums["size"] / (1 + 2 * len(levels)),
        }
        for level in levels:
            metrics[f"coverage_{level}"] = sums[f"inside_{level}"] / count
            metrics[f"on_bound_{level}"] = sums[f"on_{level}"] / count
    return pd.DataFrame({"model": model, kind: labels, "rows": count.astype(np.int64), **metrics})


def _skill(table: pd.DataFrame) -> float:
    """1 - error / seasonal naive's, of a table with a row for each of both."""
    own, naive = (float(value) for value in table["mae"])
    return 1 - own / naive if naive > 0 else np.nan
