"""A study in MLflow: a run for the study, in it one for each trial, in these one for each fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pipelines.tracking.environment import ENVIRONMENT, environment_text
from pipelines.tracking.names import flatten
from pipelines.tracking.records import finite_points
from pipelines.tracking.run import TrackedRun
from pipelines.tracking.study_note import study_note, verdict_of
from pipelines.tracking.study_records import (
    fold_params,
    fold_points,
    study_params,
    study_points,
    trial_params,
    trial_points,
)
from pipelines.tracking.tags import PARENT
from pipelines.tracking.tracker import Tracker

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from pipelines.tuning.records import FoldRecord, StudyRecord, TrialRecord

_KIND, _SEEN = "tcn.kind", "FINISHED FAILED"


class StudyTracker:
    """Writes a study as nested runs while it goes on; a `pipelines.tuning.records.StudyObserver`.

    A study that goes on after a kill is found again by its id, and so are its trials: none is there twice.
    As a context manager it leaves no run of its own RUNNING, whatever ends the block.

    Args:
        tracker: Where to.
        draw: Draws the figures of a study, name to figure; by default none are kept.
        versions: Package name to version.
        place: What tells the study from the same one that is run elsewhere, into the same store.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from pipelines.tuning.records import StudyRecord, TrialRecord
        >>> trial = TrialRecord("0000", 0, {"filters": 32}, "COMPLETED", score=0.8)
        >>> study = StudyRecord("id", "demo", "mase", "random", 0, {"filters": {}}, {}, "demo", "")
        >>> with TemporaryDirectory() as directory, StudyTracker(Tracker(directory)) as observer:
        ...     observer.begin(study)
        ...     observer.trial_began(trial)
        ...     observer.trial_ended(trial)
        ...     observer.end(study)
        ...     observer.status
        'FINISHED'
    """

    def __init__(
        self,
        tracker: Tracker,
        draw: Callable[[StudyRecord], Mapping[str, Figure]] | None = None,
        versions: Mapping[str, str] | None = None,
        place: str = "",
    ) -> None:
        self._tracker = tracker
        self._draw = draw
        self._versions = dict(versions or {})
        self._run: TrackedRun | None = None
        self._key = place
        self._open: dict[str, tuple[TrackedRun, bool]] = {}
        self._written: set[str] = set()
        self._ended = 0
        self._best: float | None = None

    @property
    def run_id(self) -> str | None:
        """Id of the study's run; None before it begins."""
        return self._run.run_id if self._run else None

    @property
    def status(self) -> str:
        """Status of the study's run."""
        return self._run.status if self._run else "SCHEDULED"

    def __enter__(self) -> Self:
        """Return the tracker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the runs that are still open; an exception goes on to the caller."""
        stopped = error or KeyboardInterrupt("The study was stopped.")
        for run, _ in self._open.values():
            run.end_with(KeyboardInterrupt(str(stopped)))  # not the trial's own fault
        self._open.clear()
        if self._run is not None and self._run.status == "RUNNING":
            self._run.end_with(stopped)

    def begin(self, study: StudyRecord) -> None:
        """Open the study's run, and write those trials that ended before and are not there."""
        self._key = "/".join(filter(None, (self._key, study.study_id)))
        self._run, known = self._tracker.open_run(study.name, self._key, {_KIND: "study"})
        if known:
            self._written = {
                run.data.tags.get("trial_id", "")
                for run in self._tracker.find_runs(PARENT, self._run.run_id)
                if run.info.status in _SEEN.split()
            }
        self._run.log_params(study_params(study) | flatten(self._versions, "versions"))
        self._run.log_commit()
        self._run.log_data(study.data, study.digest, {"num_rows": study.rows, "num_series": study.series})
        self._run.log_tags(self._story(study, ()))
        self._run.log_text(environment_text(), ENVIRONMENT)
        for trial in study.trials:
            if trial.status != "RUNNING":
                self.trial_ended(trial)

    def trial_began(self, trial: TrialRecord) -> None:
        """Open the trial's run in the study's."""
        self._trial_run(trial)

    def trial_ended(self, trial: TrialRecord) -> None:
        """Write what a trial came to, and end its run."""
        self._count(trial)
        if trial.trial_id in self._written:
            return
        run, known = self._trial_run(trial)
        run.log_points(trial_points(trial))
        folds = self._folds_of(run) if known else set()
        begun = int((time.time() - sum(fold.seconds for fold in trial.folds)) * 1000)
        for fold in trial.folds:
            if str(fold.number) not in folds:
                self._write_fold(trial, fold, run.run_id, begun)
            begun += int(fold.seconds * 1000)
        if trial.error:
            run.log_tags({"error": trial.error})
        run.end("FINISHED" if trial.status == "COMPLETED" else "FAILED")
        self._open.pop(trial.trial_id, None)
        self._written.add(trial.trial_id)

    def end(self, study: StudyRecord) -> None:
        """Write what the study came to, and end its run."""
        run = self._study_run()
        for trial in (*study.trials, *((study.default,) if study.default else ())):
            if trial.status != "RUNNING" and trial.trial_id not in self._written:
                self.trial_ended(trial)
        run.log_points(study_points(study))
        figures = dict(self._draw(study)) if self._draw else {}
        run.log_figures(figures)
        run.log_tags(self._story(study, figures))
        run.end("FINISHED")

    def _count(self, trial: TrialRecord) -> None:
        """Log the best score so far; its step counts the trials that have ended."""
        if trial.trial_id == "default":
            return
        self._ended += 1
        if trial.score is not None and (self._best is None or trial.score < self._best):
            self._best = trial.score
        if trial.trial_id not in self._written:
            self._study_run().log_points(finite_points([("best_score", self._best, self._ended)]))

    def _study_run(self) -> TrackedRun:
        if self._run is None:
            raise RuntimeError("A study must begin before its trials.")
        return self._run

    def _trial_run(self, trial: TrialRecord) -> tuple[TrackedRun, bool]:
        if trial.trial_id not in self._open:
            tags = {PARENT: self._study_run().run_id, _KIND: "trial", "trial_id": trial.trial_id}
            key = f"{self._key}/{trial.trial_id}"
            name = trial.trial_id if trial.trial_id == "default" else f"trial {trial.ordinal}"
            self._open[trial.trial_id] = self._tracker.open_run(name, key, tags)
            self._open[trial.trial_id][0].log_params(trial_params(trial))
        return self._open[trial.trial_id]

    def _folds_of(self, trial: TrackedRun) -> set[str]:
        """Folds that are there already, of a process that was killed while it wrote them."""
        runs = self._tracker.find_runs(PARENT, trial.run_id)
        return {run.data.params.get("fold", "") for run in runs if run.info.status == "FINISHED"}

    def _write_fold(self, trial: TrialRecord, fold: FoldRecord, parent: str, begun: int) -> None:
        key = f"{self._key}/{trial.trial_id}/{fold.number}"
        tags = {PARENT: parent, _KIND: "fold"}
        run, _ = self._tracker.open_run(f"fold {fold.number}", key, tags, begun)
        run.log_params(fold_params(fold))
        run.log_points(fold_points(fold))
        run.end("FINISHED", begun + int(fold.seconds * 1000))

    def _story(self, study: StudyRecord, figures: Mapping[str, Figure] | tuple[()]) -> dict[str, str]:
        return {
            "mlflow.note.content": study_note(study, figures),
            "data": study.data,
            "verdict": verdict_of(study),
        }
