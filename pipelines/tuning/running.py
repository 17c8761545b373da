"""The trials of a study, one after the other or some at a time, until its budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from pipelines.errors import WorkerError
from pipelines.tuning.budget import Budget
from pipelines.tuning.executing import Executor
from pipelines.tuning.journal import DEFAULT, Journal
from pipelines.tuning.records import StudyObserver
from pipelines.tuning.study import Study
from pipelines.tuning.trials import Outcome, run_trial


@dataclass(frozen=True)
class Running:
    """Runs the trials of a study, as many at a time as there are workers.

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
            self.journal.begin(DEFAULT, self.study.default_values(), elapsed())
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
                self.journal.rest(elapsed())
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
        # Those of the default are told, and found again by each training.
        kind, arguments = type(study.forecaster), study.arguments({} if number == DEFAULT else trial.values)
        return self.executor.submit(run_trial, kind, arguments, study.origins, study.objective)


def _outcome(future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except WorkerError as error:
        return Outcome(error=str(error))
