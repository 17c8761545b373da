"""A search for hyper-parameters as a job: from data to the best forecaster, fitted to all rows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipelines.jobs.files import plain, scores_record, write_frame, write_json
from pipelines.jobs.fitting import check_tensorflow, fit, load_tensorflow, plan
from pipelines.jobs.outputs import refuse_data
from pipelines.jobs.recording import open_tracker
from pipelines.jobs.registering import registering
from pipelines.jobs.results_folder import results_folder
from pipelines.jobs.signals import signals_wait
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import Request, Task
from pipelines.jobs.versions import versions
from pipelines.jobs.warned import warnings_as_notes
from pipelines.tuning import SearchSpace, Tuned, tune
from pipelines.tuning.budget import Budget
from pipelines.tuning.oracles import load_oracles
from pipelines.wording import counted

if TYPE_CHECKING:
    from pipelines.serving import Registered
    from pipelines.tracking import StudyTracker
    from pipelines.tuning.records import StudyRecord, TrialRecord

TRIALS, STUDY, PAGE, BUNDLE = "trials.csv", "study.json", "study.html", "bundle"
STATE = ".studies"
"""Folder beside the results in which studies are kept, to go on with."""
_PLACE = "place"


@dataclass(frozen=True)
class Searching:
    """How to search; see ``pipelines.tune``.

    Args:
        space: Path of a TOML file, a space, or "auto".
        method: "random", "bayesian" or "hyperband".
        max_trials: Trials; None for no limit.
        budget_minutes: Minutes of the search; None for no limit.
        folds: Trainings of a trial.
        objective: Metric that is minimized.
        patience: Trials without gain after which the search ends; None for no limit.
        workers: Trials at the same time.
        worker_kind: "processes" or "ray"; None for this process if there is one worker.
        address: Of a Ray cluster.

    Example:
        >>> Searching(max_trials=50, budget_minutes=30).objective
        'wql'
    """

    space: SearchSpace | str = "auto"
    method: str = "bayesian"
    max_trials: int | None = 20
    budget_minutes: float | None = None
    folds: int = 3
    objective: str = "wql"
    patience: int | None = None
    workers: int = 1
    worker_kind: str | None = None
    address: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``tune``, the space read.

        Raises:
            ConfigError: If the space cannot be read, or a limit is not allowed.
        """
        Budget(self.max_trials, self.budget_minutes, self.patience)
        arguments = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if isinstance(self.space, str) and self.space != "auto":
            arguments["space"] = SearchSpace.read(self.space)
        return arguments


@dataclass(frozen=True)
class TunedOutcome:
    """What a search leaves behind.

    Args:
        tuned: What was found.
        files: Files and folders that were published.
        run_id: The MLflow run of the study; None if none was kept.
        seconds: Stage to the time that it took.
        registered: The version that the bundle became; None if that was not asked for.

    Example:
        >>> run_tune(Request("us_unemployment"), "tuned").tuned.best_params  # doctest: +SKIP
        {'filters': 64, 'learning_rate': 0.003}
    """

    tuned: Tuned
    files: Sequence[Path]
    run_id: str | None
    seconds: Mapping[str, float] = field(default_factory=dict)
    registered: Registered | None = None


def run_tune(
    request: Request,
    output: str | Path,
    how: Searching | None = None,
    *,
    store: str | Path | None = None,
    strict: bool = False,
    register: str | None = None,
    progress: Progress | None = None,
) -> TunedOutcome:
    """Search, compare the best with the default on held-out windows, fit the best to all rows, and publish.

    The study is kept in the output folder after every trial. The same call goes on with one that was stopped
    or killed; a larger budget goes on with one that has ended, and the same budget trains nothing again.

    Args:
        request: Data and settings; its seed is that of search and trainings.
        output: Folder of the results, replaced all at once at the very end.
        how: How to search.
        store: Where to keep the MLflow runs; None keeps none.
        strict: Whether a tracking server that is down is an error. If not, the runs wait in the output folder
            and are sent later.
        register: Name of the registered model that the bundle becomes the next version of: a challenger, if
            the default settings were better; None for none.
        progress: Where to show the stages.

    Returns:
        What was found and where it lies.

    Raises:
        PanelError: The data are missing, cannot be used, or are too few to hold any out.
        ConfigError: A setting is not allowed, the output cannot be written to, or no trial was completed.
        BusyError: Another job writes to the output, or the MLflow store cannot be used now.

    Example:
        >>> run_tune(Request("sales.csv", horizon=28), "tuned")
        Traceback (most recent call last):
        pipelines.errors.PanelError: A data file must exist. Received: 'sales.csv', no such file. ...
    """
    stages, how = Stages(progress), how or Searching()
    arguments = how.arguments()
    names = (TRIALS, STUDY, PAGE, BUNDLE)
    refuse_data(request.files, *(Path(output) / name for name in names))
    registrar = registering(register, store)
    with stages("read the data"):
        task = Task.load(request)
        forecaster = task.forecaster()
    with results_folder(output, names) as folder:
        plan(forecaster, task.panel, stages)
        check_tensorflow()
        with (
            recorded_study(store, stages, Path(output), strict, _place(folder.path / STATE)) as recorder,
            warnings_as_notes(stages),
            ExitStack() as stage,
        ):
            if registrar is not None:
                registrar.check_store(stages)
            stage.enter_context(stages("open the study"))

            def search() -> None:
                stage.close()
                with stages.loading("keras-tuner"):
                    load_oracles()
                stage.enter_context(stages("search"))

            def compare() -> None:
                stage.close()
                load_tensorflow(stages)
                stage.enter_context(stages("compare"))

            try:
                tuned = tune(
                    task.panel,
                    forecaster,
                    **arguments,
                    seed=forecaster.seed,
                    directory=folder.path / STATE,
                    observers=(TrialNotes(stages.progress, how, search), *recorder),
                    name=task.name,
                    callbacks=(stages.progress.epoch,),
                    prepare=compare,
                )
            except KeyboardInterrupt:
                raise KeyboardInterrupt("The study is kept: the same command goes on with it.") from None
            run_id = next((observer.run_id for observer in recorder), None)
        which = {"study": tuned.record.study_id, "best_params": plain(dict(tuned.best_params))}
        best = None if folder.holds(BUNDLE, which) else fit(tuned.unfitted(), task.panel, stages)
        with stages("write"), warnings_as_notes(stages):
            from pipelines.report.study_page import write_study_page

            write_frame(tuned.results.map(_cell), folder.draft / TRIALS)
            write_json(study_record(tuned), folder.draft / STUDY)
            write_study_page(tuned.record, folder.draft / PAGE)
            if best is None:
                shutil.copytree(folder.path / BUNDLE, folder.draft / BUNDLE)
            else:
                best.save(folder.draft / BUNDLE)
        with stages("publish"), signals_wait():
            files = folder.publish({"name": task.name, "data_sha256": task.digest(), **which})
        made = None
        if registrar is not None:
            made = registrar.register(folder.path / BUNDLE, run_id, stages, tuned.held_out.beats)
    return TunedOutcome(tuned, files, run_id, dict(stages.seconds), made)


def study_record(tuned: Tuned) -> dict[str, Any]:
    """A study as plain data.

    Args:
        tuned: The study.

    Returns:
        JSON-able: its record, the best values, and scores on the held-out windows.
    """
    content = {
        **_numbered(asdict(tuned.record)),
        "spent": tuned.spent,
        "best_params": dict(tuned.best_params),
    }
    content["beats_default"] = tuned.held_out.beats
    record: dict[str, Any] = plain(content)
    return {**record, "held_out_scores": scores_record(tuned.held_out.scores)}


def _numbered(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a study with the numbers of trials that people see."""
    for trial in (*record["trials"], record["default"], record["best"]):
        if trial is not None:
            trial["number"] += 1
    return record


class TrialNotes:
    """Tells of trials as a job tells of what is special: a line each.

    Args:
        progress: Where to.
        how: How the search goes.
        prepare: Called before the first trial, where there is one to run.
    """

    def __init__(
        self, progress: Progress, how: Searching, prepare: Callable[[], None] = lambda: None
    ) -> None:
        self._progress, self._how = progress, how
        self._prepare: Callable[[], None] | None = prepare
        self._best = float("inf")

    def begin(self, study: StudyRecord) -> None:
        """Tell of trials that ended before."""
        done = [trial.score for trial in study.trials if trial.score is not None]
        self._best = min(done, default=self._best)
        if ended := sum(trial.status != "RUNNING" for trial in study.trials):
            self._progress.note(f"the study goes on after {counted(ended, 'trial')}")

    def trial_began(self, trial: TrialRecord) -> None:
        """Prepare the search; of the trial say nothing: most of them soon end."""
        if self._prepare is not None:
            prepare, self._prepare = self._prepare, None
            prepare()

    def trial_ended(self, trial: TrialRecord) -> None:
        """Tell what came of it."""
        is_trial = trial.number >= 0
        of = "" if self._how.max_trials is None else f" of {self._how.max_trials}"
        which = f"trial {trial.ordinal}{of}" if is_trial else "default settings"
        if trial.score is None:
            self._progress.note(f"{which} failed: {trial.error}")
            return
        best = is_trial and trial.score < self._best
        self._best = min(self._best, trial.score) if is_trial else self._best
        values = ", ".join(f"{name}={_cell(value)}" for name, value in trial.values.items())
        self._progress.note(
            f"{which}: {self._how.objective} {trial.score:.4g}{' (the best so far)' if best else ''}, "
            f"{trial.seconds:.0f} s{': ' if values else ''}{values}"
        )

    def end(self, study: StudyRecord) -> None:
        """Say nothing: the answer of the job does."""


@contextmanager
def recorded_study(
    store: str | Path | None, stages: Stages, output: Path, strict: bool = False, place: str = ""
) -> Iterator[tuple[StudyTracker, ...]]:
    """Keep MLflow runs of a study for the time of a job.

    Args:
        store: Folder or address of an MLflow store; None keeps no run.
        stages: Where to show and measure the opening of the store.
        output: Folder of the results; in it runs wait for a server that is down.
        strict: Whether a server that is down is an error.
        place: What tells the study from the same one with another output.

    Yields:
        The observers that write them, with the id of the study's run; none without a store.
    """
    if store is None:
        yield ()
        return
    with stages.loading("MLflow"):
        from pipelines.plots.studies import study_figures
        from pipelines.tracking import StudyTracker

        observer = StudyTracker(open_tracker(store, output, strict), study_figures, versions(), place)
    with observer:
        yield (observer,)


def _place(studies: Path) -> str:
    """What tells the studies of this folder from those of others, which may have the same store of runs."""
    file = studies / _PLACE
    if not file.exists():
        studies.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{_PLACE}.tmp")
        draft.write_text(uuid4().hex, encoding="ascii")
        os.replace(draft, file)
    return file.read_text(encoding="ascii")


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
