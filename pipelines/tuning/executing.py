"""Where trials run: in this process one after the other, or in those of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Protocol

from pipelines.workers import open_workers


class Executor(Protocol):
    """Makes calls."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Ask for a call."""


class Inline:
    """Makes each call at once, in this process.

    Example:
        >>> Inline().submit(divmod, 7, 2).result()
        (3, 1)
    """

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Make a call; what it raises is raised here."""
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future


@contextmanager
def open_executor(workers: int, kind: str = "processes", address: str | None = None) -> Iterator[Executor]:
    """Open what runs trials.

    Args:
        workers: How many at a time; 1 for this process.
        kind: As for ``pipelines.workers.open_workers``.
        address: As for ``pipelines.workers.open_workers``.

    Yields:
        The executor.

    Raises:
        ConfigError: If an argument is not allowed.
    """
    if workers == 1 and kind == "processes":
        yield Inline()
        return
    with open_workers(kind, workers, address) as pool:
        yield pool
