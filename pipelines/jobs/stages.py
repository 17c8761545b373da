"""The stages of a job: what a caller may show of them, and how long each took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pipelines.plan import Plan


class Progress(Protocol):
    """Shows where a job is; the command line has one for terminals and one for logs.

    Example:
        >>> class Lines(Silent):
        ...     def note(self, text):
        ...         print(text)
        >>> Stages(Lines()).progress.note("1 row without a value")
        1 row without a value
    """

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Enclose a stage of the job.

        Args:
            name: What goes on.

        Returns:
            What to enter while it does.
        """

    def loading(self, library: str) -> AbstractContextManager[None]:
        """Enclose the import of a large library, which may write to the terminal by itself.

        Args:
            library: Its name.

        Returns:
            What to enter while it is imported.
        """

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Take the record of a training epoch: ``step``, ``loss`` and more.

        Args:
            record: Numbers by name.
        """

    def planned(self, plan: Plan) -> None:
        """Take the plan of a fit that follows.

        Args:
            plan: The plan.
        """

    def note(self, text: str) -> None:
        """Take a sentence on what is special about the data.

        Args:
            text: The sentence.
        """


class Silent:
    """Shows nothing.

    Example:
        >>> with Silent().stage("fit"):
        ...     Silent().epoch({"step": 1, "loss": 0.5})
    """

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def loading(self, library: str) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Do nothing."""

    def planned(self, plan: Plan) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class Stages:
    """Runs the stages of a job one after another and measures them.

    Args:
        progress: Where to show them; by default nowhere.

    Attributes:
        progress: Where they are shown.
        seconds: Name of each stage so far to its wall time in seconds.

    Example:
        >>> stages = Stages()
        >>> with stages("fit"):
        ...     pass
        >>> list(stages.seconds)
        ['fit']
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self.progress: Progress = progress or Silent()

    def __call__(self, name: str) -> AbstractContextManager[None]:
        """Enclose and measure a stage."""
        return self._measured(name, self.progress.stage(name))

    def loading(self, library: str) -> AbstractContextManager[None]:
        """Enclose and measure the import of a large library."""
        return self._measured(f"load {library}", self.progress.loading(library))

    @contextmanager
    def _measured(self, name: str, shown: AbstractContextManager[None]) -> Iterator[None]:
        start = time.perf_counter()
        with shown:
            yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
