"""How long a run may take."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from pipelines.errors import BusyError

_GRACE: Final = 30.0  # seconds for what is under way, such as a call of TensorFlow, to notice


class LateError(BusyError):
    """A run has taken longer than it may.

    Example:
        >>> LateError.exit_code
        75
    """


class _OutOfTime(SystemExit):
    """Ends what is under way; handlers of errors let it pass."""


@contextmanager
def time_limit(
    minutes: float | None, grace: float = _GRACE, leave: Callable[[int], object] = os._exit
) -> Iterator[None]:
    """End what takes too long.

    It ends in order, as by a signal; what does not within the grace, since it is busy in a library, is ended
    where it stands: what is published is whole all the same.

    Args:
        minutes: Time limit; None for none. It holds in the main thread only.
        grace: Seconds after the limit.
        leave: Ends the process with an exit code.

    Yields:
        Nothing.

    Raises:
        LateError: If the time is up.

    Example:
        >>> import time
        >>> with time_limit(0.0001):
        ...     time.sleep(5)
        Traceback (most recent call last):
        pipelines.nightly.limits.LateError: A run must end within its time limit. Received: more than 0.0001
        minutes; try again, or raise limits.minutes.
    """
    if minutes is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    text = (
        f"A run must end within its time limit. Received: more than {minutes:g} minutes; try again, or raise "
        "limits.minutes."
    )

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise _OutOfTime(LateError.exit_code)

    def end() -> None:
        sys.stderr.write(f"Error: {text}\n")
        sys.stderr.flush()
        leave(LateError.exit_code)

    watchdog = threading.Timer(60 * minutes + grace, end)
    watchdog.daemon = True
    before = signal.signal(signal.SIGALRM, stop)
    watchdog.start()
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        yield
    except _OutOfTime:
        raise LateError(text) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        watchdog.cancel()
