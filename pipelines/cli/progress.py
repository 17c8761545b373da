"""Progress of a job: a spinner on a terminal, plain lines in a log."""

from __future__ import annotations

import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import typer

from pipelines.cli.native_log import held_back
from pipelines.jobs.stages import Silent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from pipelines.plan import Plan

_LOG_SECONDS = 10.0


class QuietProgress(Silent):
    """Shows nothing, also of what libraries would say while they are imported."""

    @contextmanager
    def loading(self, library: str) -> Iterator[None]:
        """Hold back the library's own chatter."""
        with held_back():
            yield


class _Progress(ABC):
    """What both kinds have in common."""

    def __init__(self) -> None:
        self._steps = 0

    @abstractmethod
    def stage(self, name: str) -> AbstractContextManager[None]:
        """Show a stage of the job while it lasts."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Pass on what is special about the data."""

    @contextmanager
    def loading(self, library: str) -> Iterator[None]:
        """Show the import of a library as a stage, without the library's own chatter."""
        with self.stage(f"load {library}"), held_back():
            yield

    def planned(self, plan: Plan) -> None:
        """Remember the number of steps, and pass on the notes."""
        self._steps = plan.steps
        for note in plan.notes:
            self.note(note)

    def training(self, record: Mapping[str, Any]) -> str:
        """Words for the record of an epoch."""
        which = f" {record['training']} of {record['trainings']}" if "training" in record else ""
        return f"fit{which}: step {record['step']:,} of {self._steps:,}, loss {record['loss']:.4g}"


class LogProgress(_Progress):
    """Plain lines on standard error, few enough for the mail of a scheduler."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Say how long the stage took."""
        self._last = start = time.monotonic()
        yield
        typer.echo(f"{name}: {time.monotonic() - start:.1f} s", err=True)

    def note(self, text: str) -> None:
        """Say it on a line of its own."""
        typer.echo(f"note: {text}", err=True)

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Say which step it is, every ten seconds."""
        if time.monotonic() - self._last > _LOG_SECONDS:
            self._last = time.monotonic()
            typer.echo(self.training(record), err=True)


class TerminalProgress(_Progress):
    """A spinner that says what goes on, and a line for each stage that is done.

    Args:
        console: Console of standard error.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._status: Status | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show the name while the stage lasts, then how long it took."""
        start = time.monotonic()
        with self._console.status(f"{name} ...") as self._status:
            yield
        self._status = None
        self._console.print(f"[green]\N{CHECK MARK}[/] {name} [dim]{time.monotonic() - start:.1f} s[/]")

    def note(self, text: str) -> None:
        """Show it below the stage."""
        self._console.print(f"  {text}", style="dim", markup=False, soft_wrap=True)

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Show which step it is."""
        if self._status is not None:
            self._status.update(f"{self.training(record)} ...")


@contextmanager
def terminal_progress() -> Iterator[TerminalProgress]:
    """Make the progress of a terminal, on a stream of its own.

    Standard error itself is held back while TensorFlow is imported; the spinner must turn then, too.

    Yields:
        The progress.
    """
    from rich.console import Console

    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace") as stream:
        yield TerminalProgress(Console(file=stream, highlight=False))
