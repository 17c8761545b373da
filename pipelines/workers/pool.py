"""Workers as a whole: calls wait their turn, and one that a worker did not survive is made again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, Final, Protocol

from pipelines.errors import WorkerError
from pipelines.workers.call import Outcome
from pipelines.workers.process import Died

# How often a call is begun before it is given up.
TRIES: Final = 3
# Signals that are for the main thread: Ctrl-C reaches all processes of a terminal, and the workers must not
# end by themselves, as if they had died.
_HELD: Final = (signal.SIGINT, signal.SIGHUP)


class Backend(Protocol):
    """Where calls are made."""

    def prepare(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Return a call as it is sent."""

    def make(self, call: Any) -> Outcome:
        """Make a call and wait for it; raises ``Died`` if a worker did not survive it."""

    def end(self) -> None:
        """End all workers, amid their calls too."""


class Workers:
    """Workers that make calls at the same time; `open_workers` opens them.

    Attributes:
        n: How many calls are made at a time.

    Example:
        >>> from pipelines.workers import open_workers
        >>> with open_workers(2) as workers:  # doctest: +SKIP
        ...     workers.submit(sum, [1, 2]).result()
        3
    """

    def __init__(self, n: int, backend: Backend) -> None:
        self.n = n
        self._backend = backend
        self._ended = False
        # A thread for each call that is being made waits for its answer. Processes inherit which signals the
        # thread that starts them holds back.
        self._threads = ThreadPoolExecutor(n, "workers", signal.pthread_sigmask, (signal.SIG_BLOCK, _HELD))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Ask for a call.

        Args:
            function: A function of a module, which workers import.
            *arguments: What can be pickled; so must be what the function returns.

        Returns:
            Its future: with what the function returned or raised, the worker's traceback a note of it; with
            `WorkerError` if workers died of it. Its ``cancel`` works until the call has begun.

        Raises:
            TypeError: If function or arguments cannot be sent.
        """
        call = self._backend.prepare(function, arguments)
        return self._threads.submit(self._made, call, getattr(function, "__qualname__", repr(function)))

    def finish(self) -> None:
        """Wait for all calls; none can be asked for any more."""
        self._threads.shutdown()

    def end(self) -> None:
        """Cancel calls, those under way too, and end the workers."""
        self._ended = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._backend.end()

    def _made(self, call: Any, name: str) -> Any:
        for _ in range(TRIES):
            try:
                outcome = self._backend.make(call)
            except Died as died:
                if self._ended:
                    raise CancelledError from None
                last = died
            else:
                return outcome.result()
        raise WorkerError(
            f"A call must leave its worker alive. Received: {name}, begun {TRIES} times, at last {last}. "
            "Often memory is short: use fewer workers."
        )
