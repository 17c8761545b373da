"""Where trials run: in this process one after the other, or in those of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Protocol

from pipelines.errors import ConfigError
from pipelines.workers import Workers, open_workers

_CALLS: Final = 4
"""Trials of a worker until another process takes its place: TensorFlow keeps some of the memory of each."""


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


class Renewed:
    """Processes of this machine, others after some calls.

    Args:
        n: How many calls to make at a time.
        stack: Ends them.
    """

    def __init__(self, n: int, stack: ExitStack) -> None:
        self._n, self._stack, self._calls = n, stack, 0
        self._workers = self._opened()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Ask for a call; before the first one of other processes, this waits for those under way."""
        if self._calls == _CALLS * self._n:
            self._stack.close()
            self._workers, self._calls = self._opened(), 0
        self._calls += 1
        return self._workers.submit(function, *arguments)

    def _opened(self) -> Workers:
        return self._stack.enter_context(open_workers("processes", self._n))


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
        raise ConfigError(f"workers must be a positive integer. Received: {workers!r}.")
    with ExitStack() as stack:
        if kind is None and workers == 1:
            yield Inline()
        elif kind in (None, "processes"):
            yield Renewed(workers, stack)
        else:
            yield stack.enter_context(open_workers(str(kind), workers, address))
