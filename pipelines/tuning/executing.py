"""Where trials run: in this process one after the other, or in those of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Protocol

from pipelines.errors import ConfigError
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
def open_executor(workers: int, kind: str | None = None, address: str | None = None) -> Iterator[Executor]:
    """Open what runs trials.

    Args:
        workers: How many at a time.
        kind: "processes" or "ray"; None for this process if there is one worker, else processes.
        address: Of a Ray cluster.

    Yields:
        The executor.

    Raises:
        ConfigError: If an argument is not allowed.
    """
    if type(workers) is not int or workers < 1:
        raise ConfigError(
            f"workers must be a positive integer. Received: {workers!r}; pass 1 to run one trial at a time."
        )
    if kind is None and workers == 1:
        yield Inline()
        return
    with open_workers(kind or "processes", workers, address) as pool:
        yield pool
