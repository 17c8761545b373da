"""What comes after the forecast of a night is out: training, MLflow, the status page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipelines.errors import ForecastingError
from pipelines.jobs.stages import Stages
from pipelines.nightly.alarms import alarms_of
from pipelines.nightly.history import steps_between
from pipelines.nightly.labels import label, unlabeled
from pipelines.nightly.records import Cutoff, Finding, Night, Snapshot
from pipelines.nightly.registry import announce
from pipelines.nightly.sealed import read_sealed, remove_drafts, write_sealed
from pipelines.nightly.state import JobFolder
from pipelines.nightly.status import FAILURE, write_page
from pipelines.nightly.tracked import track_night

if TYPE_CHECKING:
    from pipelines.nightly.records import Version
    from pipelines.nightly.retraining import Retrained
    from pipelines.nightly.scored import Scored
    from pipelines.nightly.settings import JobSettings

T = TypeVar("T")

_DONE: Final = "done.json"


@dataclass
class Outcome:
    """What came of a night.

    Args:
        night: What it has left behind.
        published: Whether readers see it.
        again: Whether it had been forecast before.
        skipped: Whether it was left as it is: there was nothing to do.
        findings: What was odd: checks, fallbacks, alarms.
        retrained: What came of a training; None if none was due.
        run_id: The MLflow run; None if none is kept.
        seconds: Wall time of each stage.
    """

    night: Night
    published: bool = False
    again: bool = False
    skipped: bool = False
    findings: list[Finding] = field(default_factory=list)
    retrained: Retrained | None = None
    run_id: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass
class Afterwards:
    """What is left to do of a night that is published; what fails of it takes nothing back.

    Args:
        job: Settings.
        cutoff: Last time stamp that the night knew.
        now: When it began.
        folder: The job's folder.
        stages: Where to show and measure the stages.
        findings: Takes what is odd.
    """

    job: JobSettings
    cutoff: Cutoff
    now: datetime
    folder: JobFolder
    stages: Stages
    findings: list[Finding]

    def go(self, outcome: Outcome, snapshot: Snapshot, line: list[Version], scored: Scored) -> None:
        """Retrain if that is due, and tell.

        Args:
            outcome: What came of the night; what comes of this is added.
            snapshot: The data.
            line: Who may forecast.
            scored: Scores of the nights before.
        """
        alarms = alarms_of(scored, self.job)
        self.findings += alarms
        if outcome.retrained is None and self._is_due(outcome.night, alarms):
            outcome.retrained = self._retrain_gently(snapshot, line)
        with self.stages("track"):
            announce(self.job, self.folder, self.findings)
            outcome.run_id = self.gently(lambda: self._track(outcome, scored))
        with self.stages("status page"):
            self.gently(lambda: self._show(scored, alarms), "state")
        if outcome.run_id is not None or not self.job.tracking.enabled:
            self.gently(lambda: self._end(outcome.run_id), "state")

    def _show(self, scored: Scored, alarms: Sequence[Finding]) -> None:
        (self.folder.path / FAILURE).unlink(missing_ok=True)
        write_page(self.folder, self.job, scored, alarms)

    def _end(self, run_id: str | None) -> None:
        remove_drafts(self._done_path.parent)
        write_sealed(self._done_path, {"run_id": run_id})

    @property
    def _done_path(self) -> Path:
        return self.folder.place(self.cutoff, self.job.fingerprint) / _DONE

    def done(self) -> dict[str, Any] | None:
        """Return what there is to know of a night that has come to its end; None if it has not."""
        return self.gently(lambda: read_sealed(self._done_path) if self._done_path.exists() else None)

    def _is_due(self, night: Night, alarms: Sequence[Finding]) -> bool:
        asked, trained, decided = self.job.retrain, self.folder.versions(), self.folder.promotions()
        if any(finding.check == "freshness" for finding in self.findings):
            return False
        broken = bool(decided) and decided[-1].version != night.record["champion"]
        if not trained:  # or nothing of it can be read
            return asked.on_alarm and broken
        last = trained[-1].record
        passed = steps_between(last["freq"], unlabeled(last["cutoff"]), self.cutoff)
        if asked.every is not None and passed >= asked.every:
            return True
        return asked.on_alarm and bool(alarms or broken) and passed >= asked.cooldown

    def retrain(self, snapshot: Snapshot, line: list[Version]) -> Retrained:
        """Train a challenger, or the first network.

        Args:
            snapshot: The data.
            line: Who may forecast.
        """
        from pipelines.nightly.retraining import retrain

        return retrain(snapshot, self.job, self.cutoff, self.folder, line, self.stages)

    def _retrain_gently(self, snapshot: Snapshot, line: list[Version]) -> Retrained | None:
        """Retrain after the forecast is out: a training that fails does not take it back."""
        try:
            return self.retrain(snapshot, line)
        except (ForecastingError, OSError) as error:
            self.findings.append(Finding("retrain", "warn", f"The challenger could not be trained: {error}"))
            return None

    def _track(self, outcome: Outcome, scored: Scored) -> str | None:
        night = outcome.night
        facts = {
            "job": self.job.name,
            "cutoff": label(night.cutoff),
            "fingerprint": night.fingerprint,
            "horizon": self.job.model.horizon,
            "champion": night.record["champion"],
            "models": dict(night.models),
        }
        figures: dict[str, float] = {"night/series": night.series, "night/rows": night.rows}
        figures["night/fallback_series"] = sum(
            count for name, count in night.models.items() if name == "SeasonalNaive"
        )
        figures |= {f"watch/{name}": value for name, value in scored.figures().items()}
        return track_night(
            self.job, self.folder.path, night.cutoff, facts=facts, figures=figures,
            findings=outcome.findings, now=self.now,
        )  # fmt: skip

    def gently(self, call: Callable[[], T], check: str = "tracking") -> T | None:
        """Call what may fail now that the forecast is out: it is told, and the next run makes up for it.

        Args:
            call: What to do.
            check: Name of the finding if it fails.

        Returns:
            What comes of it; None if it has failed.
        """
        try:
            return call()
        except (ForecastingError, OSError) as error:
            self.findings.append(Finding(check, "warn", str(error)))
            return None
