"""What a study tells of itself: plain data that stores, pages and tables are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

Status: TypeAlias = Literal["RUNNING", "COMPLETED", "FAILED"]


@dataclass(frozen=True)
class FoldRecord:
    """One training of a trial, and its scores on the windows after it.

    Attributes:
        number: Number of the fold, from 0 on, oldest first.
        cutoffs: First and last cutoff that it forecast from.
        metrics: Scores by name, such as ``mase``, ``wql``, ``coverage_80``.
        by_step: Scores by name, each with one value per step ahead.
        epochs: Records of the training's epochs: ``step``, ``loss``, ...
        seconds: Time of training and forecasting.
    """

    number: int
    cutoffs: tuple[str, str]
    metrics: Mapping[str, float]
    by_step: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    epochs: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class TrialRecord:
    """One configuration, scored on the origins that all trials of its study share.

    Attributes:
        trial_id: Name of the trial, unique in its study; "default" for the settings that nothing tuned.
        number: Order of its start, from 0 on; -1 of the default. People see ``ordinal``.
        values: Value of each hyper-parameter.
        status: "RUNNING", "COMPLETED", or "FAILED", whose reason is in ``error``.
        score: Mean of the study's objective over the folds, smaller is better; None if not completed.
        folds: What was trained and scored.
        seconds: Time that it took.
        error: Why it failed.
    """

    trial_id: str
    number: int
    values: Mapping[str, Any]
    status: Status = "RUNNING"
    score: float | None = None
    folds: tuple[FoldRecord, ...] = ()
    seconds: float = 0.0
    error: str | None = None

    @property
    def ordinal(self) -> int:
        """Number that people see, from 1 on; 0 of the default.

        Example:
            >>> TrialRecord("0001", 0, {}).ordinal
            1
        """
        return self.number + 1


@dataclass(frozen=True)
class StudyRecord:
    """A study: what is searched, on which data, and what came out.

    Attributes:
        study_id: Name made of data, settings, space, method and seed: a study that goes on after a kill has
            the same one.
        name: Name for people.
        objective: Metric that is minimized.
        method: "random", "bayesian" or "hyperband".
        seed: Seed of the search.
        space: Hyper-parameter to what it may be.
        settings: What all trials share.
        data: Name of the data.
        digest: SHA-256 of the data.
        trials: Trials by number.
        default: The default settings, scored on the same origins.
        best: The completed trial with the smallest score.
        importance: Hyper-parameter to its share in the differences of scores, which sum to 1; empty with too
            few trials.
        held_out: Scores of "best" and "default" on origins that no trial has seen.
        verdict: Sentence on these.
        p_value: How likely chance alone makes the two differ as much; None where that was not tested.
        rows: Rows of the data, on the grid of their frequency.
        series: Series of the data.
    """

    study_id: str
    name: str
    objective: str
    method: str
    seed: int
    space: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]
    data: str
    digest: str
    trials: tuple[TrialRecord, ...] = ()
    default: TrialRecord | None = None
    best: TrialRecord | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    held_out: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    verdict: str = ""
    p_value: float | None = None
    rows: int = 0
    series: int = 0


class StudyObserver(Protocol):
    """Told what happens in a study, in the process that runs it; `begin` again after a resume."""

    def begin(self, study: StudyRecord) -> None:
        """The study starts, or goes on: ``study.trials`` holds the trials that ended before."""

    def trial_began(self, trial: TrialRecord) -> None:
        """A trial starts."""

    def trial_ended(self, trial: TrialRecord) -> None:
        """A trial has ended, completed or failed."""

    def end(self, study: StudyRecord) -> None:
        """All is done; the record is whole."""
