"""Signals that ask a job to stop: they end it in order, and never between two files that belong together."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

_Handler = Callable[[int, FrameType | None], object] | signal.Handlers
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_in_order() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP inside the block into SystemExit, so that every ``finally`` runs.

    Yields:
        Nothing.

    Raises:
        SystemExit: With 128 + the number of the signal.

    Example:
        >>> with stop_in_order():
        ...     signal.raise_signal(signal.SIGTERM)
        Traceback (most recent call last):
        SystemExit: 143
    """

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    with _handlers({signal.SIGTERM: leave, signal.SIGHUP: leave}):
        yield


@contextmanager
def signals_wait() -> Iterator[None]:
    """Hold back the signals that stop a job until the block has ended.

    Yields:
        Nothing.

    Example:
        >>> done = []
        >>> try:
        ...     with signals_wait():
        ...         signal.raise_signal(signal.SIGINT)
        ...         done.append("all of it")
        ... except KeyboardInterrupt:
        ...     done.append("then the signal")
        >>> done
        ['all of it', 'then the signal']
    """
    waiting: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        waiting.append(number)

    with _handlers(dict.fromkeys(_STOPPING, wait)):
        yield
    if waiting:
        signal.raise_signal(waiting[0])


@contextmanager
def _handlers(handlers: Mapping[signal.Signals, _Handler]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone
        return
    before: dict[signal.Signals, Any] = {
        number: signal.signal(number, handler) for number, handler in handlers.items()
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
