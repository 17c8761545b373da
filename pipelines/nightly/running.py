"""A night from start to end: readers see the former forecast, or the whole of the next one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.errors import BundleError, ForecastingError, PanelError, StateError
from pipelines.jobs.fitting import load_tensorflow
from pipelines.jobs.signals import signals_wait
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.versions import versions
from pipelines.jobs.warned import warnings_as_notes
from pipelines.nightly.afterwards import Afterwards, Outcome
from pipelines.nightly.champions import (
    essentials_of,
    latest_decision,
    line_of_succession,
    with_freq,
    withdrawn,
)
from pipelines.nightly.checks import check_snapshot
from pipelines.nightly.continuity import Before, traits_of
from pipelines.nightly.folders import refusal
from pipelines.nightly.forecasting import NightForecast, forecast_columns, forecast_night
from pipelines.nightly.history import are_one, doubt_of, read_night
from pipelines.nightly.labels import label
from pipelines.nightly.partitions import open_partitions
from pipelines.nightly.publishing import Publisher, check_owner
from pipelines.nightly.recalling import Recalled, recall
from pipelines.nightly.records import Cutoff, Finding, Night, Snapshot
from pipelines.nightly.registry import follow
from pipelines.nightly.sealed import write_sealed
from pipelines.nightly.secrets import hide
from pipelines.nightly.snapshot import read_snapshot
from pipelines.nightly.state import JobFolder
from pipelines.nightly.status import FAILURE
from pipelines.nightly.tracked import track_night
from pipelines.saving import runtime_of

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.records import Version
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel
    from pipelines.workers import Workers


def run_night(
    job: JobSettings,
    cutoff: Cutoff,
    *,
    now: datetime,
    dry_run: bool = False,
    skip_done: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Read, check, forecast and publish; then score earlier nights, and retrain if that is due.

    The same job, cutoff and settings give the same forecast, to the byte, however often they are run. A
    process that is killed leaves nothing that the next one must repair by hand.

    Args:
        job: Settings, with a folder.
        cutoff: Last time stamp to know.
        now: When the night begins.
        dry_run: Whether to write nothing; another process may then work on the job.
        skip_done: Whether to leave a night as it is that is done and that readers see.
        progress: Where to show the stages.

    Returns:
        What came of it.

    Raises:
        BusyError: Another process runs this job, the data are not there yet, or the disk is full.
        PanelError: The data cannot be used, or a check that does not hold is to stop the job.
        ConfigError: A setting does not fit, or a place cannot be used.
        ForecastingError: Training failed.
    """
    folder = JobFolder.of(job)
    with nullcontext() if dry_run else folder.held():
        run = _Run(job, cutoff, now, folder, Stages(progress), dry_run, skip_done)
        try:
            outcome = run.go()
        except ForecastingError as error:
            run.failed(error)
            raise
        except OSError as error:
            refused = refusal(error)
            run.failed(refused)
            raise refused from error
    outcome.seconds = dict(run.stages.seconds)
    return outcome


@dataclass
class _Run:
    job: JobSettings
    cutoff: Cutoff
    now: datetime
    folder: JobFolder
    stages: Stages
    dry_run: bool
    skip_done: bool
    findings: list[Finding] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)

    def go(self) -> Outcome:
        check_owner(self.job, self.folder)
        # A night that is known by UTC is none of local time: only the data tell which one is meant.
        first = None if _has_zone(self.cutoff) else self._known()
        if first is not None and not _has_zone(first[0].cutoff):
            return self._again(*first)
        asked = self.cutoff
        with self.stages("read the data"):
            snapshot, panel = self._read()
        is_other = _has_zone(asked) or first is not None or label(self.cutoff) != label(asked)
        if is_other and (known := self._known()) is not None:
            return self._again(*known)
        if not self.dry_run:
            follow(self.job, self.folder, self.cutoff, self.findings)
        line = line_of_succession(self.job, self.folder, self.findings, self.cutoff)
        self._check(snapshot, panel, line)
        retrained = None
        if self._is_first and not self.dry_run:
            retrained = self._after.retrain(snapshot, line)
            line = line_of_succession(self.job, self.folder, [], self.cutoff)
        self._load_tensorflow(line)
        job, n_series = with_freq(self.job, line), int(snapshot.history[self.job.model.id_col].nunique())
        with open_partitions(job, n_series) as workers:
            recalled = self._recall(snapshot, line, workers)
            with self.stages("forecast"), warnings_as_notes(self.stages):
                widths, aside = recalled.widths, recalled.aside
                made = forecast_night(snapshot, line, job, self.cutoff, widths, aside, workers)
        self.findings += made.findings
        outcome = Outcome(
            self._night(snapshot, made, recalled.widths), findings=self.findings, retrained=retrained
        )
        if self.dry_run:
            return outcome
        with self.stages("publish"), signals_wait():
            self.folder.write_night(outcome.night, made.frame)
            outcome.published = self._publisher.publish(outcome.night, made.frame[list(made.published)])
        self._after.go(outcome, snapshot, line, recalled.scored)
        return outcome

    def _read(self) -> tuple[Snapshot, Panel]:
        """Read the data; the cutoff is then one of their time stamps."""
        model = with_freq(self.job, line_of_succession(self.job, self.folder, [])).model
        asked = self.cutoff
        snapshot, panel, self.cutoff = read_night(self.job, asked, model)
        self.findings += snapshot.findings
        if doubt := doubt_of(panel, asked):
            self.stages.progress.note(
                f"The cutoff {asked} {doubt}; an offset such as +01:00 says which is meant"
            )
        if not are_one(panel, asked, self.cutoff):
            self.stages.progress.note(
                f"The cutoff {asked} counts as {self.cutoff}, the last time stamp up to it"
            )
        return snapshot, panel

    @property
    def _is_first(self) -> bool:
        """Whether no network was ever trained for what is asked for; one that is damaged may have been."""
        if self.folder.is_fresh:
            return True
        own, trained = essentials_of(self.job.model), self.folder.versions()
        return bool(trained) and all(version.record["essentials"] != own for version in trained)

    def failed(self, error: ForecastingError) -> None:
        """Remember what ended the night, where it can still be remembered."""
        if self.dry_run:
            return
        message = hide(str(error), self.job)
        facts = {"cutoff": label(self.cutoff), "error": type(error).__name__, "message": message}
        try:
            write_sealed(self.folder.path / FAILURE, facts)
            track_night(
                self.job, self.folder.path, self.cutoff, facts=facts, figures={}, findings=self.findings,
                now=self.now, failure=error,
            )  # fmt: skip
        except (ForecastingError, OSError) as second:
            self.stages.progress.note(f"The failure could not be recorded: {second}")

    # What a night has left

    def _known(self) -> tuple[Night, pd.DataFrame] | None:
        """The night of this key, unless it is the latest and a rollback has withdrawn who forecast it."""
        try:
            found = self.folder.night(self.cutoff, self.job.fingerprint)
        except StateError as error:
            self.findings.append(Finding("state", "warn", f"{error} It is forecast again."))
            return None
        if found is None or found[0].record["champion"] not in withdrawn(self.folder.promotions()):
            return found
        latest = self.folder.nights(count=1)[-1]
        return found if label(latest.cutoff) > label(self.cutoff) else None

    def _again(self, night: Night, frame: pd.DataFrame) -> Outcome:
        """Publish what the night has left; do the rest of it if a killed process has not come that far."""
        done = self._after.done()
        outcome = Outcome(night, again=done is not None, findings=self.findings)
        outcome.run_id = (done or {}).get("run_id")
        if self.dry_run:
            return outcome
        if self.skip_done and done is not None and self._publisher.is_seen(night):
            outcome.skipped, outcome.published = True, self._publisher.later(night.cutoff) is None
            return outcome
        with self.stages("publish"), signals_wait():
            outcome.published = self._publisher.publish(night, frame[list(night.record["published"])])
        if done is None:
            self.findings += [Finding(**finding) for finding in night.record["findings"]]
            self._after.gently(lambda: self._rest(outcome))
        return outcome

    def _rest(self, outcome: Outcome) -> None:
        with self.stages("read the data"):
            snapshot = read_snapshot(self.job, self.cutoff)
        line = line_of_succession(self.job, self.folder, self.findings, self.cutoff)
        self._after.go(outcome, snapshot, line, self._recall(snapshot, line).scored)

    @property
    def _after(self) -> Afterwards:
        return Afterwards(self.job, self.cutoff, self.now, self.folder, self.stages, self.findings)

    @property
    def _publisher(self) -> Publisher:
        return Publisher(self.job, self.folder, self.stages.progress)

    def _night(self, snapshot: Snapshot, made: NightForecast, widths: dict[float, float]) -> Night:
        return Night(
            cutoff=self.cutoff,
            fingerprint=self.job.fingerprint,
            rows=len(snapshot.history),
            series=int(snapshot.history[self.job.model.id_col].nunique()),
            models=made.models,
            record={
                "job": self.job.name,
                "champion": made.champion,
                "published": list(made.published),
                "widths": {f"{level:g}": width for level, width in widths.items()},
                "findings": [vars(finding) for finding in self.findings],
                "new": list(made.new),
                "vanished": [*made.vanished, *self.known["lost"]],
                "traits": self.known["traits"],
                "decision": self.known["decision"],
                "versions": versions(),
            },
        )

    def _recall(
        self, snapshot: Snapshot, line: Sequence[Version], workers: Workers | None = None
    ) -> Recalled:
        """Look back at the nights before this one, as many as are watched."""

        def damaged(error: StateError) -> None:
            self.findings.append(Finding("state", "warn", f"{error} It is left out of the scores."))

        with self.stages("look back"):
            past = self.folder.past(self.cutoff, self.job.watch.nights, forecast_columns(self.job), damaged)
            return recall(past, snapshot, with_freq(self.job, line), line[0] if line else None, workers)

    # Checks

    def _check(self, snapshot: Snapshot, panel: Panel, line: Sequence[Version]) -> None:
        with self.stages("check the data"):
            before = self._before()
            facts = line[0].record["facts"] if line else None
            found = check_snapshot(
                snapshot, panel, self.job, self.cutoff, before=before, facts=facts, now=self.now
            )
            self.known = {
                "traits": traits_of(panel),
                "decision": latest_decision(self.folder),
                "lost": before.missing(panel) if before is not None else [],
            }
        self.findings += found
        if failing := [finding.message for finding in found if finding.severity == "fail"]:
            raise PanelError(
                f"{' '.join(failing)} Nothing was published; what was published before stays. A check that "
                "may be ignored is set to 'warn' under [checks]."
            )

    def _before(self) -> Before | None:
        """The night before this one; without its series where they cannot be read."""
        last = next(iter(self.folder.nights(self.cutoff, count=1)), None)
        if last is None:
            return None
        try:
            return Before(last, self.folder.ids(last, self.job.model.id_col))
        except StateError:  # which those who look back will tell
            return Before(last)

    def _load_tensorflow(self, line: Sequence[Version]) -> None:
        """Import TensorFlow in a stage of its own, if the champion needs it."""
        with suppress(BundleError):
            if line and runtime_of(line[0].bundle) == "keras":
                load_tensorflow(self.stages)


def _has_zone(cutoff: Cutoff) -> bool:
    """Whether only the data tell which of their time stamps a cutoff is."""
    return not isinstance(cutoff, int) and cutoff.tzinfo is not None
