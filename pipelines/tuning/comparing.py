"""Whether the best of a study beats the default settings on origins that the search has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.baselines import add_baselines
from pipelines.config import Settings
from pipelines.forecaster import Forecaster
from pipelines.metrics import Scores, evaluate
from pipelines.skill import REFERENCE, SIGNIFICANCE, compare
from pipelines.tuning.folds import RollingOrigins, metrics_of
from pipelines.tuning.kept import kept_frame
from pipelines.wording import counted, number, percent

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.panel import Panel

BEST: Final = "best"
DEFAULT: Final = "default"
_FIRST: Final = {"training": 1, "trainings": 2}
_SECOND: Final = {"training": 2, "trainings": 2}
Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Trainings:
    """How the two trainings of a comparison go.

    Attributes:
        report: Takes the record of every epoch and, in it, ``training`` and ``trainings``, the number of the
            training and how many there are.
        prepare: Called before them, where they are not known from before.
        kept: File in which their forecasts are kept; None keeps nothing.
        key: What the forecasts depend on, JSON-able.
    """

    report: Report = lambda record: None
    prepare: Callable[[], None] = lambda: None
    kept: Path | None = None
    key: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldOutScores:
    """Scores on the origins that no trial has seen.

    Attributes:
        scores: Those of "best", "default" and the baselines.
        objective: Metric that was minimized.
        n_windows: Windows per series.
    """

    scores: Scores
    objective: str
    n_windows: int

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Metrics of the best, the default and seasonal naive."""
        return {model: metrics_of(self.scores, model) for model in (BEST, DEFAULT, REFERENCE)}

    @property
    def gain(self) -> float:
        """Share by which the best's objective is smaller; negative if it is larger."""
        best, default = (float(self.scores.overall.loc[name, self.objective]) for name in (BEST, DEFAULT))
        return 1 - best / default if default else 0.0

    @property
    def beats(self) -> bool:
        """Whether the best has the smaller objective."""
        return self.gain > 0

    @property
    def p_value(self) -> float:
        """Of the Diebold-Mariano test on absolute errors; NaN with too few windows."""
        return compare(self.scores.losses[BEST], self.scores.losses[DEFAULT], self.scores.overlap)[0]

    @property
    def sentence(self) -> str:
        """What a reader should take away."""
        best, default = (float(self.scores.overall.loc[name, self.objective]) for name in (BEST, DEFAULT))
        where = f"on {counted(self.n_windows, 'held-out window')}"
        sizes = f"{self.objective.upper()} {number(best)} against {number(default)}"
        if not self.beats:
            return f"The best does not beat the default {where}: {sizes}. Keep the default.{self._better}"
        if math.isnan(self.p_value):
            chance = "too few windows to test whether that is chance"
        else:
            size = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
            chance = f"{'significant' if self.p_value < SIGNIFICANCE else 'maybe by chance'}, {size}"
        return (
            f"The best beats the default {where} by {percent(self.gain)}: {sizes} ({chance}).{self._better}"
        )

    @property
    def _better(self) -> str:
        """A sentence about the baseline that has the smallest objective, if it is smaller than both."""
        table = self.scores.overall[self.objective]
        name = str(table.idxmin())
        if name in (BEST, DEFAULT) or not table[name] < table[[BEST, DEFAULT]].min():
            return ""
        return f" {name} errs less than both: {number(float(table[name]))}."


def compare_held_out(
    best: Forecaster,
    default: Forecaster,
    panel: Panel,
    origins: RollingOrigins,
    objective: str,
    trainings: Trainings | None = None,
) -> HeldOutScores:
    """Fit both to the rows of the search, and score them on the windows after these.

    Args:
        best: A forecaster with the best values of a search.
        default: The same without them.
        panel: All rows.
        origins: What was held out of the search.
        objective: Metric that was minimized.
        trainings: How to train them.

    Returns:
        The scores.
    """
    how = trainings or Trainings()

    def compute() -> pd.DataFrame:
        how.prepare()
        return _both(best, default, panel, origins, how.report)

    frame = kept_frame(how.kept, how.key, panel, compute)
    tested = origins.held.tested(panel)
    levels = Settings.of(default.get_params()).levels
    frame = add_baselines(frame, tested, origins.season_length, levels)
    scores = evaluate(frame, panel, origins.season_length)
    return HeldOutScores(scores, objective, origins.held.n_windows)


def _both(
    best: Forecaster, default: Forecaster, panel: Panel, origins: RollingOrigins, report: Report
) -> pd.DataFrame:
    """Forecasts of both."""
    frame = _forecasts(default, DEFAULT, panel, origins, lambda record: report({**record, **_FIRST}))
    if best.get_params() == default.get_params():
        names = [name for name in frame.columns if name.split("-")[0] == DEFAULT]
        frame = frame.assign(**{name.replace(DEFAULT, BEST, 1): frame[name] for name in names})
    else:
        other = _forecasts(best, BEST, panel, origins, lambda record: report({**record, **_SECOND}))
        frame = frame.assign(**{name: other[name] for name in other.columns.difference(frame.columns)})
    return frame


def _forecasts(
    forecaster: Forecaster, name: str, panel: Panel, origins: RollingOrigins, report: Report
) -> pd.DataFrame:
    named = type(forecaster)(**{**forecaster.get_params(), "alias": name, "conformal": None})
    return origins.held_out(named.fit(origins.rows, callbacks=(report,)), panel)
