"""One call as a worker makes it, and what of it comes back."""

from __future__ import annotations

import pickle
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipelines.errors import WorkerError

# Where a warning has been shown, so that each worker does not show it again.
_shown: dict[str | tuple[str, type[Warning], int], int] = {}


class Warned(NamedTuple):
    """A warning as text, of a category that every process knows."""

    text: str
    category: type[Warning]
    file: str
    line: int


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Attributes:
        value: What the function returned.
        error: What it raised instead, with the traceback as a note.
        warned: Its warnings.
    """

    value: Any = None
    error: BaseException | None = None
    warned: tuple[Warned, ...] = ()

    def result(self) -> Any:
        """Warn of what the call warned of, and return or raise what it did.

        Returns:
            The value of the function.
        """
        for text, category, file, line in self.warned:
            warnings.warn_explicit(text, category, file, line, registry=_shown)
        if self.error is not None:
            raise self.error
        return self.value


def answer(call: bytes) -> bytes:
    """Make a pickled call.

    Args:
        call: Function and tuple of arguments, pickled.

    Returns:
        How it ended, pickled, for `outcome_of`.

    Example:
        >>> outcome_of(answer(pickle.dumps((divmod, (7, 2))))).result()
        (3, 1)
    """
    outcome = perform(_unpickled, call)
    try:
        return pickle.dumps(outcome)
    except Exception as error:
        return pickle.dumps(perform(_refuse, type(outcome.value).__name__, str(error)))


def outcome_of(answered: bytes) -> Outcome:
    """Read what `answer` gives."""
    outcome: Outcome = pickle.loads(answered)
    return outcome


def _unpickled(call: bytes) -> Any:
    function, arguments = pickle.loads(call)
    return function(*arguments)


def _refuse(kind: str, reason: str) -> None:
    raise TypeError(f"A worker's function must return what can be pickled. Received: a {kind}: {reason}.")


def perform(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """Call a function; whatever it raises is part of the outcome.

    Args:
        function: What to call.
        *arguments: Its arguments.

    Returns:
        How it ended.

    Example:
        >>> perform(divmod, 7, 2).result()
        (3, 1)
        >>> type(perform(divmod, 7, 0).error)
        <class 'ZeroDivisionError'>
    """
    with warnings.catch_warnings(record=True) as caught:
        # The filters of the process that asked decide what becomes of them.
        warnings.simplefilter("default")
        try:
            value, error = function(*arguments), None
        except BaseException as raised:
            value, error = None, _portable(raised)
    warned = (
        Warned(str(each.message), _known_everywhere(each.category), each.filename, each.lineno)
        for each in caught
    )
    return Outcome(value, error, tuple(dict.fromkeys(warned)))


def _portable(error: BaseException) -> BaseException:
    """An exception that can be pickled, with its traceback as a note."""
    note = f"In a worker:\n{''.join(traceback.format_exception(error)).rstrip()}"
    try:
        portable: BaseException = pickle.loads(pickle.dumps(error))
    except Exception:
        portable = WorkerError(f"A call raised {type(error).__name__}: {error}")
    portable.add_note(note)
    return portable


def _known_everywhere(category: type[Warning]) -> type[Warning]:
    """The nearest category of Python itself: others may need libraries that the caller does not import."""
    return next(base for base in category.__mro__ if base.__module__ == "builtins")
