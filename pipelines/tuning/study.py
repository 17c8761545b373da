"""A search as a whole: proposals, trials, what came of them, and the best against the default."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pipelines import __version__
from pipelines.config import Settings
from pipelines.errors import ConfigError, ForecastingError, WorkerError
from pipelines.forecaster import Forecaster
from pipelines.panel import Panel, panel_digest
from pipelines.reading import read_panel
from pipelines.tuning.budget import Budget
from pipelines.tuning.comparing import compare_held_out
from pipelines.tuning.defaults import cheap, default_space
from pipelines.tuning.executing import Executor, open_executor
from pipelines.tuning.folds import RollingOrigins
from pipelines.tuning.importance import importance_of
from pipelines.tuning.journal import DEFAULT, Journal
from pipelines.tuning.oracles import Search
from pipelines.tuning.records import StudyObserver, StudyRecord
from pipelines.tuning.space import SearchSpace
from pipelines.tuning.state import study_folder
from pipelines.tuning.trials import Outcome, run_trial
from pipelines.tuning.tuned import Tuned
from pipelines.wording import counted

OBJECTIVES: Final = ("wql", "mase", "mae", "rmse")
"""Metrics that can be minimized."""


def tune(
    df: Any,
    forecaster: Forecaster,
    space: SearchSpace | Mapping[str, Any] | str = "auto",
    method: str = "bayesian",
    max_trials: int | None = 20,
    budget_minutes: float | None = None,
    folds: int = 3,
    objective: str = "wql",
    seed: int = 0,
    directory: str | Path | None = None,
    workers: int = 1,
    patience: int | None = None,
    observers: Sequence[StudyObserver] = (),
    *,
    static: Any = None,
    name: str = "study",
    worker_kind: str | None = None,
    address: str | None = None,
    callbacks: Sequence[Callable[[dict[str, float]], None]] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Search for good hyper-parameters; every trial is scored on the same rolling origins.

    The last windows of every series are held out of the search. Before them lie those of the folds: a trial
    trains anew for each fold, with one member and a quarter of the usual steps, and its score is the mean of
    the objective over the folds. At the end the best trial's values and the default settings are trained in
    full, and compared on the windows that were held out.

    Args:
        df: Long frame, or a panel.
        forecaster: What is to be tuned: what it sets is what all trials share. It is not fitted.
        space: What the hyper-parameters may be; "auto" to derive that from the data.
        method: "random", "bayesian" or "hyperband".
        max_trials: Trials; None for no limit.
        budget_minutes: Minutes of the search, without the comparison at its end; None for no limit.
        folds: Trainings of a trial.
        objective: "wql", "mase", "mae" or "rmse".
        seed: Seed of the search; that of all trainings is the forecaster's.
        directory: Folder to keep the state of studies in: called again with the same data and arguments, a
            study goes on where it ended or was killed, also with a larger budget. None keeps nothing.
        workers: Trials at the same time.
        patience: Trials without gain after which the search ends; None for no limit.
        observers: Told of all that happens.
        static: Frame of static covariates.
        name: Name of the study, for people.
        worker_kind: "processes" of this machine, or those of "ray"; None for this very process if there is
            one worker, else "processes". A script that starts them needs ``if __name__ == "__main__":``.
        address: Of a Ray cluster.
        callbacks: Each takes the record of every epoch of the trainings at the end.
        clock: Seconds, for the budget.

    Returns:
        What was found.

    Raises:
        ConfigError: If an argument is not allowed, or the directory cannot be written to.
        PanelError: If the data cannot be used, or nothing of them can be held out.
        BusyError: If another process runs this study in the directory.
        ForecastingError: If no trial was completed.

    Example:
        >>> import numpy as np, pandas as pd
        >>> days = pd.date_range("2024-01-01", periods=120)
        >>> y = 10.0 + days.day_of_week + np.random.default_rng(0).normal(size=120)
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": days, "y": y})
        >>> forecaster = Forecaster(horizon=7, lookback=14, filters=2, dilations=[1], max_steps=0, ensemble=1)
        >>> tuned = tune(frame, forecaster, {"head": ["quantile", "normal"]}, max_trials=2, folds=1)
        >>> tuned.results["status"].tolist(), sorted(tuned.best_params)
        (['COMPLETED', 'COMPLETED'], ['head'])
    """
    settings = Settings.of(forecaster.get_params())
    panel = read_panel(df, settings, settings.freq, static)
    budget = Budget(max_trials, budget_minutes, patience)
    if objective not in OBJECTIVES:
        raise ConfigError(f"objective must be one of {', '.join(OBJECTIVES)}. Received: {objective!r}.")
    origins = RollingOrigins.of(panel, settings, folds)
    shared = cheap(settings)
    searched = _space(space, type(forecaster)(**dict(shared)), shared, origins.rows)
    searched.check(shared)
    steps = forecaster.plan(origins.rows).steps if method == "hyperband" else 0
    search = Search(searched, method, seed, shared, steps)
    study = Study(panel, forecaster, shared, search, origins, objective, folds, name)
    place = None if directory is None else Path(directory) / study.study_id
    with study_folder(place) as folder, open_executor(workers, worker_kind, address) as executor:
        journal = Journal(folder, study.identity)
        running = Running(study, journal, budget, executor, workers, tuple(observers), clock)
        spent = running.run()
    return study.concluded(journal, spent, tuple(observers), callbacks)


@dataclass(frozen=True)
class Study:
    """What is searched, and on what.

    Attributes:
        panel: All rows.
        forecaster: What is tuned.
        shared: Settings that all trials share.
        search: Proposes values.
        origins: Folds and held-out windows.
        objective: What is minimized.
        folds: How many folds were asked for.
        name: Name for people.
    """

    panel: Panel
    forecaster: Forecaster
    shared: Settings
    search: Search
    origins: RollingOrigins
    objective: str
    folds: int
    name: str

    @property
    def identity(self) -> dict[str, Any]:
        """What another study would have otherwise, as plain data."""
        return {
            "version": __version__,
            "data": panel_digest(self.panel),
            "settings": _plain(dict(Settings.of(self.forecaster.get_params()))),
            "space": self.search.space.to_dict(),
            "method": self.search.method,
            "seed": self.search.seed,
            "objective": self.objective,
            "folds": self.folds,
        }

    @property
    def study_id(self) -> str:
        """A name made of that."""
        return hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()[:16]

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the forecaster of a trial."""
        return {**dict(self.shared), **values}

    def record(self, journal: Journal) -> StudyRecord:
        """Return what is known so far."""
        identity = self.identity
        done = [trial for trial in journal.trials if trial.score is not None]
        return StudyRecord(
            study_id=self.study_id,
            name=self.name,
            objective=self.objective,
            method=self.search.method,
            seed=self.search.seed,
            space=identity["space"],
            settings={k: v for k, v in _plain(dict(self.shared)).items() if k not in self.search.space},
            data=self.name,
            digest=identity["data"],
            trials=tuple(journal.trials),
            default=journal.default,
            best=min(done, key=lambda trial: (trial.score, trial.number), default=None),
            importance=importance_of(journal.trials),
        )

    def concluded(
        self,
        journal: Journal,
        spent: str,
        observers: Sequence[StudyObserver],
        callbacks: Sequence[Callable[[dict[str, float]], None]],
    ) -> Tuned:
        """Compare the best with the default on held-out windows, and end the study."""
        record = self.record(journal)
        if record.best is None:
            raise ForecastingError(_no_trial(record))
        best_params = self.search.without_resource(record.best.values)
        best = type(self.forecaster)(**{**self.forecaster.get_params(), **best_params})

        def report(epoch: dict[str, float]) -> None:
            for callback in callbacks:
                callback(epoch)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            held_out = compare_held_out(
                best, self.forecaster, self.panel, self.origins, self.objective, report
            )
        record = replace(record, held_out=held_out.metrics, verdict=held_out.sentence)
        for observer in observers:
            observer.end(record)
        return Tuned(record, best_params, held_out, spent, self.forecaster, self.panel)


@dataclass(frozen=True)
class Running:
    """The trials of a study, as many at a time as there are workers.

    Attributes:
        study: The study.
        journal: What has happened.
        budget: What it may take.
        executor: Runs trials.
        workers: How many at a time.
        observers: Told of all.
        clock: Seconds.
    """

    study: Study
    journal: Journal
    budget: Budget
    executor: Executor
    workers: int
    observers: tuple[StudyObserver, ...]
    clock: Callable[[], float]

    def run(self) -> str:
        """Run trials until the budget is spent.

        Returns:
            Why no further trial started.
        """
        before, began = self.journal.elapsed, self.clock()

        def elapsed() -> float:
            return before + self.clock() - began

        for observer in self.observers:
            observer.begin(self.study.record(self.journal))
        cut_off = [trial.number for trial in self.journal.running]
        if self.journal.default is None:
            self.journal.begin(DEFAULT, {}, elapsed())
            cut_off.insert(0, DEFAULT)
        pending: dict[Future[Outcome], int] = {}
        while True:
            while len(pending) < self.workers and cut_off:
                number = cut_off.pop(0)
                pending[self._start(number)] = number
            spent = None
            while len(pending) < self.workers and spent is None:
                spent = self.budget.reason(self.journal.trials, elapsed())
                if spent is None:
                    values = self.study.search.propose(self.journal.trials, self.journal.events)
                    if values is None:
                        spent = "all points of the space"
                    else:
                        number = self.journal.begin(len(self.journal.trials), values, elapsed()).number
                        pending[self._start(number)] = number
            if not pending:
                return spent or ""
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda one: pending[one]):
                trial = self.journal.end(pending.pop(future), _outcome(future), elapsed())
                for observer in self.observers:
                    observer.trial_ended(trial)

    def _start(self, number: int) -> Future[Outcome]:
        trial = self.journal.default if number == DEFAULT else self.journal.trials[number]
        assert trial is not None
        for observer in self.observers:
            observer.trial_began(trial)
        study = self.study
        kind, arguments = type(study.forecaster), study.arguments(trial.values)
        return self.executor.submit(run_trial, kind, arguments, study.origins, study.objective)


def _outcome(future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except WorkerError as error:
        return Outcome(error=str(error))


def _space(space: Any, forecaster: Forecaster, shared: Settings, rows: Panel) -> SearchSpace:
    if isinstance(space, SearchSpace):
        return space
    if isinstance(space, Mapping):
        return SearchSpace(space)
    if space != "auto":
        raise ConfigError(f"space must be 'auto', a SearchSpace or a mapping. Received: {space!r}.")
    return default_space(shared, forecaster.plan(rows), rows)


def _no_trial(record: StudyRecord) -> str:
    reasons = Counter(trial.error or "unknown" for trial in record.trials).most_common()
    told = "\n".join(f"{counted(count, 'trial')}: {reason}" for reason, count in reasons[:5])
    count = counted(len(record.trials), "trial")
    return f"A study needs a completed trial. Received: {count}, all of which failed.\n{told}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return _plain(value.to_dict())
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
