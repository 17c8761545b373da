"""Studies that need no training: a forecaster that errs by what it is set to."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import replace

from jobs_stand_in import StandIn, make_frame

from pipelines import ConfigError, Panel
from pipelines.config import Settings
from pipelines.tuning import Choice, IntRange, LogUniform, SearchSpace
from pipelines.tuning.defaults import cheap
from pipelines.tuning.folds import RollingOrigins
from pipelines.tuning.oracles import Search
from pipelines.tuning.records import FoldRecord
from pipelines.tuning.study import Study
from pipelines.tuning.trials import Outcome

HORIZON, SEASON = 3, 6
SPACE = SearchSpace(
    {
        "filters": Choice(8, 16, 32),
        "lookback": IntRange(6, 18, 3),
        "learning_rate": LogUniform(1e-4, 1e-2),
        "transform": Choice(None, "log"),
    }
)


class Erring(StandIn):
    """Errs the more, the farther its filters are from 32; a look-back of 12 fails, 15 by mistake."""

    def backtest(self, df=None, n_windows=1, step=None, refit=False, callbacks=(), levels=None):
        if self.lookback == 12:
            raise ConfigError("A look-back must not be 12.")
        if self.lookback == 15:
            raise TypeError("a mistake")
        frame = super().backtest(df, n_windows, step)
        filters = 16 if self.filters == "auto" else self.filters
        error = abs(32 - filters) + (0 if self.lookback == "auto" else self.lookback / 10)
        for number in range(-(-n_windows // (refit or n_windows))):
            for callback in callbacks:
                callback({"step": 1, "loss": error, "training": number + 1, "trainings": n_windows})
        columns = [name for name in frame.columns if name.split("-")[0] == self.alias]
        return frame.assign(**{name: frame[name] + error for name in columns})


def panel_of(lengths=(90, 90)):
    return Panel.from_frame(make_frame(lengths, SEASON), 1)


def forecaster(**arguments):
    # Of few levels: scoring takes most of the time.
    shared = {"horizon": HORIZON, "season_length": SEASON, "freq": 1, "max_steps": 9, "levels": [80]}
    return Erring(**{**shared, **arguments})


def study_of(method="random", seed=0, space=SPACE, panel=None, objective="mae", folds=2, **arguments):
    asked = forecaster(**arguments)
    settings = Settings.of(asked.get_params())
    panel = panel_of() if panel is None else panel
    origins = RollingOrigins.of(panel, settings, folds)
    shared = cheap(settings)
    return Study(
        panel, asked, shared, Search(space, method, seed, shared, 90), origins, objective, folds, "name"
    )


class Calls:
    """Makes calls in this process, and stops it as a kill would, amid one of them.

    Args:
        after: Calls until then; None for all.
        real: Whether trials are computed, and do not merely get a score.
    """

    def __init__(self, after=None, real=False):
        self.after, self.real, self.count = after, real, 0

    def submit(self, function, kind, arguments, *others):
        if self.count == self.after:
            raise KeyboardInterrupt
        self.count += 1
        future = Future()
        future.set_result(function(kind, arguments, *others) if self.real else scored(arguments))
        return future


def scored(arguments):
    """The outcome of a trial as its values have it."""
    if arguments["lookback"] == 12:
        return Outcome(error="A look-back must not be 12.", seconds=1.0)
    score = (
        1 + abs(math.log(arguments["learning_rate"] / 2e-3)) if arguments["learning_rate"] != "auto" else 1.0
    )
    score += (arguments["transform"] == "log") / 7
    fold = FoldRecord(0, ("1", "2"), {"mae": score}, {"mae": (0.1, score)}, ({"step": 1, "loss": score},))
    return Outcome(score, (fold,), 1.0)


def told(trials):
    """What is the same however long trials took."""
    return [
        replace(trial, seconds=0.0, folds=tuple(replace(fold, seconds=0.0) for fold in trial.folds))
        for trial in trials
    ]
