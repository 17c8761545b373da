"""A command of ``tcn job`` from start to end: settings, log, time limit, and word of what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipelines.cli.session import INTERRUPTED, UNEXPECTED
from pipelines.errors import BusyError, ConfigError, ForecastingError

if TYPE_CHECKING:
    from pipelines.cli.session import Session
    from pipelines.jobs import Progress
    from pipelines.nightly import JobSettings
    from pipelines.nightly.afterwards import Outcome
    from pipelines.nightly.logs import JsonLines
    from pipelines.nightly.records import Cutoff


@dataclass
class Work:
    """What a command works with.

    Args:
        job: Settings.
        now: The moment.
        progress: Where to show the stages.
        log: The same where it is lines of JSON.
        facts: What is known of the run, for messages.
        tells: Whether others are to hear of what is odd: of nights, not of what somebody looks at anyway.
    """

    job: JobSettings
    now: datetime
    progress: Progress
    log: JsonLines | None
    facts: dict[str, Any]
    tells: bool = False

    def begin(self, cutoff: str | None) -> Cutoff:
        """Settle the cutoff.

        Args:
            cutoff: As it was given; None for the last whole step before now.

        Returns:
            The cutoff; from here on messages have its run id.
        """
        from pipelines.nightly.cutoffs import last_whole_step, parse_cutoff

        if cutoff is None:
            from pipelines.nightly.operating import zone

            known = last_whole_step(_frequency(self.job), self.now, zone(self.job))
        else:
            known = parse_cutoff(cutoff)
        self._know(known)
        return known

    def next_night(self, cutoff: Cutoff) -> None:
        """Tell the stages that follow from those of another night: messages have its cutoff and run id.

        Args:
            cutoff: That of the night.
        """
        self._know(cutoff)
        self.progress.note(f"cutoff {cutoff}")

    def _know(self, cutoff: Cutoff) -> None:
        from pipelines.nightly.logs import run_key

        self.facts |= {"cutoff": str(cutoff), "run_id": run_key(self.job, cutoff)}
        if self.log is not None:
            self.log.run_id = self.facts["run_id"]

    def tell(self, outcome: Outcome) -> None:
        """Log what was odd, and send word of it.

        Args:
            outcome: What came of the night.
        """
        from pipelines.nightly.notify import Event, event_of

        events: dict[Event, list[str]] = {}
        for finding in outcome.findings:
            events.setdefault(event_of(finding), []).append(finding.message)
            if self.log is not None:
                self.log.say(finding.message, "warning", check=finding.check, value=finding.value)
        if outcome.retrained is not None and outcome.retrained.promoted:
            events["promotion"] = [outcome.retrained.reason]
        if not outcome.again:
            self._send(events)

    def fail(self, error: Exception, code: int) -> None:
        """Send word of a failure.

        Args:
            error: What was raised.
            code: Exit code that will follow.
        """
        self._send({"failure": [str(error)]}, error=type(error).__name__, exit_code=code)

    def _send(self, events: dict[Any, list[str]], **more: Any) -> None:
        if not self.tells:
            return
        from pipelines.nightly.notify import notify

        for text in notify(self.job, events, {**self.facts, **more}):
            self.progress.note(text)


@contextmanager
def working(
    current: Session,
    file: Path,
    settings: list[str] | None,
    log_format: str,
    now: str | None,
    limited: bool = True,
    look: bool = False,
) -> Iterator[Work]:
    """Run a command of a job: with its settings, within its time limit, its secrets out of all messages.

    Args:
        current: The session.
        file: Job file.
        settings: Settings that count before those of the file, each ``name=value``.
        log_format: "json" for lines of JSON, "text" for those of people.
        now: Time to take for the present one; None for the clock's.
        limited: Whether the time limit is that of the whole command; otherwise each night keeps it.
        look: Whether files and folders that the settings name must be usable now, too.

    Yields:
        What to work with.

    Raises:
        typer.Exit: After an error, where lines are JSON.
        ForecastingError: Without secrets.
    """
    from pipelines.nightly.limits import LateError, time_limit
    from pipelines.nightly.loading import load_job
    from pipelines.nightly.secrets import hide

    facts: dict[str, Any] = {"cutoff": None, "run_id": None}
    log = _json_lines(facts) if log_format == "json" else None
    work: Work | None = None
    try:
        with ExitStack() as stack:
            job = load_job(file, _overrides(settings), look)
            progress = stack.enter_context(current.progress()) if log is None else log
            work = Work(job, _moment(now), progress, log, facts)
            if log is not None:
                log.job = job
            if limited:
                stack.enter_context(time_limit(job.limits.minutes))
            try:
                yield work
            except BrokenPipeError:
                raise
            except OSError as error:
                from pipelines.nightly.folders import refusal

                raise refusal(error) from error
    except (typer.Exit, typer.BadParameter, BrokenPipeError):
        raise
    except KeyboardInterrupt as stop:
        if log is None:
            raise
        log.say(f"Interrupted. {stop}".rstrip(), "error", exit_code=INTERRUPTED)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        code = error.exit_code if isinstance(error, ForecastingError) else UNEXPECTED
        # A lock that is held and data that are late pass by themselves; a server that is down has caused it.
        waits = isinstance(error, BusyError) and not isinstance(error, LateError) and not error.__cause__
        if work is not None and not waits:
            work.fail(error, code)
        text = hide(str(error), None if work is None else work.job)
        if log is not None:
            log.say(text, "error", error=type(error).__name__, exit_code=code)
            current.answer_error(error, text, code)
            raise typer.Exit(code) from None
        if text == str(error):
            raise
        if isinstance(error, ForecastingError):
            raise type(error)(text) from None
        raise ForecastingError(f"Unexpected error, {type(error).__name__}: {text}") from None


def _overrides(settings: list[str] | None) -> dict[str, str]:
    found = {}
    for text in settings or ():
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise typer.BadParameter(
                f"must be a name and a value, such as retrain.every=7. Received: {text!r}.",
                param_hint="--set",
            )
        found[name.strip()] = value.strip()
    return found


def _moment(now: str | None) -> datetime:
    """The one place where a job asks what time it is."""
    if now is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(now)
    except ValueError:
        raise typer.BadParameter(
            f"must be a time in ISO 8601. Received: {now!r}.", param_hint="--now"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _frequency(job: JobSettings) -> Any:
    from pipelines import datasets
    from pipelines.frequency import Freq

    known = datasets.describe(job.source.path).freq if job.source.path in datasets.names() else None
    if freq := job.model.freq or known:
        return Freq.parse(freq)
    from pipelines.nightly.operating import frequency

    try:
        return frequency(job)
    except ConfigError as error:
        raise ConfigError(f"{error} Or name the cutoff with --cutoff.") from None


def _json_lines(facts: dict[str, Any]) -> JsonLines:
    from pipelines.cli.native_log import held_back
    from pipelines.nightly.logs import JsonLines, Level

    class Lines(JsonLines):
        def say(self, message: str, level: Level = "info", **more: Any) -> None:
            super().say(message, level, cutoff=facts["cutoff"], **more)

        @contextmanager
        def loading(self, library: str) -> Iterator[None]:
            with self.stage(f"load {library}"), held_back():
                yield

    return Lines(lambda line: typer.echo(line, err=True), lambda: datetime.now(UTC))
