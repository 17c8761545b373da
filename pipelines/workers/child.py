"""What a worker process does: calls, one after another, for as long as its parent is there."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import threading
from multiprocessing.connection import Connection, wait
from pathlib import Path

from pipelines.workers.call import answer


def serve(calls: Connection, words: Connection) -> None:
    """Answer calls until the pipe that they come through is closed.

    Args:
        calls: Where pickled calls come from; outcomes go there, each followed by the bytes of memory that
            this process has grown by since its first.
        words: Where standard output and standard error go.
    """
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    for stream in (1, 2):  # those of libraries in C as well
        os.dup2(words.fileno(), stream)
    words.close()
    at_first = 0
    while True:
        try:
            call = calls.recv_bytes()
        except EOFError:
            return
        outcome = answer(call)
        sys.stdout.flush()
        calls.send_bytes(outcome)
        at_first = at_first or _memory()
        calls.send(_memory() - at_first)


def _memory() -> int:
    """Bytes that this process holds; where Linux does not say so, the most that it has held."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _leave_with_parent() -> None:
    """End this process, amid whatever it does, once the parent has ended in whatever way."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
