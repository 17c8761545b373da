"""``tune``: from data and a forecaster to the best hyper-parameters of a search."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.config import Settings
from pipelines.errors import ConfigError
from pipelines.forecaster import Forecaster
from pipelines.reading import read_panel
from pipelines.tuning.budget import Budget
from pipelines.tuning.defaults import cheap, default_space
from pipelines.tuning.executing import open_executor
from pipelines.tuning.folds import RollingOrigins
from pipelines.tuning.journal import Journal
from pipelines.tuning.oracles import WHOLE_BRACKET, Search
from pipelines.tuning.running import Running
from pipelines.tuning.space import SearchSpace
from pipelines.tuning.state import study_folder
from pipelines.tuning.study import Study

if TYPE_CHECKING:
    from pipelines.panel import Panel
    from pipelines.tuning.records import StudyObserver
    from pipelines.tuning.tuned import Tuned

_HELD_OUT: Final = "held-out.kept"
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
    prepare: Callable[[], None] = lambda: None,
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
        prepare: Called before these trainings. There are none where a study has ended before: what they
            forecast is kept in the directory, too.
        clock: Seconds, for the budget.

    Returns:
        What was found.

    Raises:
        ConfigError: If an argument is not allowed, a look-back of the space is longer than the rows to learn
            from, the directory cannot be written to, or no trial was completed.
        PanelError: If the data cannot be used, or nothing of them can be held out.
        BusyError: If another process runs this study in the directory.

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
        raise ConfigError(
            f"objective must be one of {', '.join(OBJECTIVES)}. Received: {objective!r}; take one of these."
        )
    origins = RollingOrigins.of(panel, settings, folds)
    shared = cheap(settings)
    searched = _space(space, type(forecaster)(**dict(shared)), shared, origins.rows, panel)
    searched.check(shared)
    searched.check_transforms(panel)
    searched.check_lookbacks(origins.longest)
    steps = forecaster.plan(origins.rows).steps if method == "hyperband" else 0
    if method == "hyperband" and max_trials is not None and max_trials < WHOLE_BRACKET:
        warnings.warn(
            f"Hyperband trains one of its first {WHOLE_BRACKET} trials with all steps. Received: max_trials="
            f"{max_trials}, so that none is; pass more, or another method.",
            stacklevel=2,
        )
    search = Search(searched, method, seed, shared, steps)
    study = Study(panel, forecaster, shared, search, origins, objective, folds, name)
    place = None if directory is None else Path(directory) / study.study_id
    with study_folder(place) as folder:
        journal = Journal(folder, study.identity)
        with open_executor(workers, worker_kind, address) as executor:
            spent = Running(study, journal, budget, executor, workers, tuple(observers), clock).run()
        kept = folder.file(_HELD_OUT)
        return study.concluded(journal, spent, tuple(observers), callbacks, prepare, kept)


def _space(space: Any, forecaster: Forecaster, shared: Settings, rows: Panel, panel: Panel) -> SearchSpace:
    if isinstance(space, SearchSpace):
        return space
    if isinstance(space, Mapping):
        return SearchSpace(space)
    if space != "auto":
        raise ConfigError(
            f"space must be 'auto', a SearchSpace or a mapping. Received: {space!r}; pass such as "
            "{'filters': [16, 32]}, or read a file with SearchSpace.read(path)."
        )
    return default_space(shared, forecaster.plan(rows), rows, panel)
