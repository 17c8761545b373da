"""Processes of this machine as workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

from pipelines.workers.call import Outcome
from pipelines.workers.process import Died, WorkerProcess

# TensorFlow keeps what XLA has compiled, some 75 MiB for each training, for as long as its process lives.
_MOST_GROWTH: Final = 2**30


class Processes:
    """Processes of this machine, each started with its first call and replaced when it dies or grows large.

    They may use all cores, as the process that started them: how many threads share a sum decides how it is
    rounded, and results must not depend on the number of workers.

    Args:
        n: How many there are at most.
    """

    def __init__(self, n: int) -> None:
        self._places: SimpleQueue[WorkerProcess | None] = SimpleQueue()
        for _ in range(n):
            self._places.put(None)
        self._all: set[WorkerProcess] = set()
        self._ended = False

    def prepare(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
        """Pickle a call, once for all tries."""
        try:
            return pickle.dumps((function, arguments))
        except Exception as error:
            raise TypeError(
                "A call must be a function of a module, with arguments that can be pickled. Received: "
                f"{function!r}: {error}."
            ) from error

    def make(self, call: bytes) -> Outcome:
        """Let a process make a call that has none."""
        worker = self._places.get()
        try:
            worker = worker or self._started()
            outcome = worker.call(call)
            if worker.grown > _MOST_GROWTH:
                worker.end()
                self._all.discard(worker)
                worker = None
            return outcome
        except Died:
            if worker is not None:
                self._all.discard(worker)
            worker = None
            raise
        finally:
            self._places.put(worker)

    def end(self) -> None:
        """Kill all processes."""
        self._ended = True
        for worker in list(self._all):
            worker.end()

    def _started(self) -> WorkerProcess:
        worker = WorkerProcess()
        self._all.add(worker)
        if self._ended:  # amid its start
            worker.end()
        return worker
