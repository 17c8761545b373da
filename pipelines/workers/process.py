"""A process of this machine that makes calls, seen from the one that asks for them."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections import deque
from multiprocessing.connection import Connection
from typing import Final

from pipelines.workers.call import Outcome, outcome_of
from pipelines.workers.child import serve

# Last lines of a worker that an error quotes.
_LINES: Final = 12
# Seconds to wait for them: a process of the worker's own may keep them open.
_LAST_WORDS: Final = 2.0
# TensorFlow must never be forked.
_spawning = multiprocessing.get_context("spawn")
# Python's bookkeeping of child processes is not made for several threads.
_bookkeeping = threading.Lock()


class Died(Exception):
    """A worker has ended amid a call; the message says how."""


class WorkerProcess:
    """A process that makes calls, one at a time, until it is killed or its parent ends.

    Attributes:
        grown: Bytes of memory that it has grown by since its first call.
    """

    def __init__(self) -> None:
        self.grown = 0
        self._calls, far_calls = _spawning.Pipe()
        words, far_words = _spawning.Pipe(duplex=False)
        # A daemon ends with its parent's interpreter even where nobody closes it.
        self._process = _spawning.Process(target=serve, args=(far_calls, far_words), daemon=True)
        with _bookkeeping, far_calls, far_words:
            self._process.start()
        self._words: deque[str] = deque(maxlen=_LINES)
        self._listener = threading.Thread(target=self._listen, args=(words,), daemon=True)
        self._listener.start()

    def call(self, payload: bytes) -> Outcome:
        """Let the process make a call.

        Args:
            payload: Function and arguments, pickled.

        Returns:
            How it ended.

        Raises:
            Died: If the process ended before it answered.
        """
        try:
            self._calls.send_bytes(payload)
            answered = self._calls.recv_bytes()
            self.grown = self._calls.recv()
        except (EOFError, OSError):
            code = self.end()
            self._calls.close()
            self._listener.join(_LAST_WORDS)
            said = "".join(self._words).strip()
            raise Died(f"{_in_words(code)}{f'; it last said: {said}' if said else ''}") from None
        return outcome_of(answered)

    def end(self) -> int | None:
        """Kill the process, amid a call too.

        Returns:
            Its exit code, or the negative number of the signal that ended it.
        """
        with _bookkeeping:
            self._process.kill()
            self._process.join()
            return self._process.exitcode

    def _listen(self, words: Connection) -> None:
        with words, open(words.fileno(), errors="replace", closefd=False) as lines:
            self._words.extend(lines)


def _in_words(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}"
