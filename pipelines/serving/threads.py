"""Work in threads that do not keep a process from ending, whatever they are at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import BoundedSemaphore, Thread
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Makes calls beside an event loop, some of them at a time.

    Those of a pool would be waited for when Python ends, also by nobody who still wants their results.

    Args:
        count: Calls at a time.
    """

    def __init__(self, count: int) -> None:
        self._slots = BoundedSemaphore(count)

    async def run(self, call: Callable[[], T]) -> T:
        """Make a call in a thread.

        Args:
            call: What to do.

        Returns:
            What it returns, or raises.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if answer.done():  # given up
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, failure = None, None
            with self._slots:
                try:
                    if not answer.cancelled():
                        result = call()
                except BaseException as error:  # whoever waits gets it
                    failure = error
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, result, failure)

        Thread(target=work, name="forecast", daemon=True).start()
        return await answer
