"""What has happened in a study: the only truth of it, saved after every event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from pipelines.tuning.oracles import BEGAN, ENDED
from pipelines.tuning.records import FoldRecord, TrialRecord
from pipelines.tuning.state import StudyFolder
from pipelines.tuning.trials import Outcome

DEFAULT: Final = -1
"""Number of the default settings, which are no trial of the budget."""


class Journal:
    """Trials and events of a study, those before a kill among them.

    A trial is written down before it starts. One that has not ended when a study goes on is run again under
    its number and with its values, so none is counted twice.

    Args:
        folder: Where it is kept.
        identity: What the study is, for whoever reads the files.

    Attributes:
        trials: Trials by number.
        events: What happened, in its order; see ``Search.propose``.
        default: The default settings, scored like a trial; None before they start.
        elapsed: Seconds of the search, those before a kill among them.
    """

    def __init__(self, folder: StudyFolder, identity: Mapping[str, Any]) -> None:
        self._folder, self._identity = folder, dict(identity)
        self.trials: list[TrialRecord] = []
        self.events: list[tuple[str, int]] = []
        self.default: TrialRecord | None = None
        self.elapsed = 0.0
        state = folder.load()
        if state is not None:
            self.trials = [_trial_of(content) for content in state["trials"]]
            self.events = [(what, number) for what, number in state["events"]]
            self.default = None if state["default"] is None else _trial_of(state["default"])
            self.elapsed = state["elapsed"]

    @property
    def running(self) -> list[TrialRecord]:
        """Trials that were cut off: they have begun and not ended."""
        every = (*((self.default,) if self.default else ()), *self.trials)
        return [trial for trial in every if trial.status == "RUNNING"]

    def begin(self, number: int, values: Mapping[str, Any], elapsed: float) -> TrialRecord:
        """Write down that a trial starts."""
        name = "default" if number == DEFAULT else f"{number + 1:04d}"
        trial = TrialRecord(name, number, dict(values))
        self._put(trial)
        if number != DEFAULT:
            self.events.append((BEGAN, number))
        self._save(elapsed)
        return trial

    def end(self, number: int, outcome: Outcome, elapsed: float) -> TrialRecord:
        """Write down what came of a trial."""
        began = self.default if number == DEFAULT else self.trials[number]
        assert began is not None
        trial = replace(
            began,
            status="FAILED" if outcome.score is None else "COMPLETED",
            score=outcome.score,
            folds=outcome.folds,
            seconds=outcome.seconds,
            error=outcome.error,
        )
        self._put(trial)
        if number != DEFAULT:
            self.events.append((ENDED, number))
        self._save(elapsed)
        return trial

    def rest(self, elapsed: float) -> None:
        """Write down the seconds so far, those of observers after the last trial among them."""
        self._save(elapsed)

    def _put(self, trial: TrialRecord) -> None:
        if trial.number == DEFAULT:
            self.default = trial
        elif trial.number < len(self.trials):
            self.trials[trial.number] = trial
        else:
            self.trials.append(trial)

    def _save(self, elapsed: float) -> None:
        self.elapsed = elapsed
        self._folder.save(
            {
                "study": self._identity,
                "trials": [asdict(trial) for trial in self.trials],
                "events": self.events,
                "default": None if self.default is None else asdict(self.default),
                "elapsed": elapsed,
            }
        )


def _trial_of(content: Mapping[str, Any]) -> TrialRecord:
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in content["values"].items()}
    folds = tuple(
        FoldRecord(
            **{
                **fold,
                "cutoffs": tuple(fold["cutoffs"]),
                "by_step": {name: tuple(steps) for name, steps in fold["by_step"].items()},
                "epochs": tuple(fold["epochs"]),
            }
        )
        for fold in content["folds"]
    )
    return TrialRecord(**{**content, "values": values, "folds": folds})
