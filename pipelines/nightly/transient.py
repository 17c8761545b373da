"""What fails for a moment is tried again; what is wrong is not."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from pipelines.errors import BusyError, ForecastingError
from pipelines.nightly.secrets import hide

if TYPE_CHECKING:
    from pipelines.nightly.settings import JobSettings

T = TypeVar("T")

_LONGEST_WAIT: Final = 60.0  # seconds
_PASSING: Final = frozenset(
    {
        errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.ENETDOWN, errno.ENETUNREACH,
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ESTALE, errno.ETIMEDOUT,
    }
)  # fmt: skip
# Classes and codes of SQLSTATE: connections, conflicts of transactions, too little of a resource, shutdowns.
_STATES: Final = ("08", "40", "53", "55P03", "57P")
_SQLITE: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR")
# A connection that libpq could not make has no code, only words.
_WRONG: Final = ("authentication", "no password", "does not exist", "pg_hba.conf", "permission", "role ")


def attempt(call: Callable[[], T], job: JobSettings, what: str) -> T:
    """Make a call; make it again after a growing pause as long as it fails of something that passes.

    Args:
        call: What to do; to do it twice must do no harm.
        job: Whose limits say how often, and how long to wait before the second time.
        what: Where to, for the message: "the source".

    Returns:
        What the call returns.

    Raises:
        BusyError: If it still fails the last time; trying again later can succeed.

    Example:
        >>> from pipelines.nightly import JobSettings
        >>> job = JobSettings(name="a", source={"path": "a.csv"}, sink={"path": "b.csv"},
        ...                   model={"horizon": 1}, limits={"first_wait": 0.01})
        >>> answers = [TimeoutError("no answer"), "rows"]
        >>> def call():
        ...     answer = answers.pop(0)
        ...     if isinstance(answer, Exception):
        ...         raise answer
        ...     return answer
        >>> attempt(call, job, "the source")
        'rows'
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    limits = job.limits
    tries = Retrying(
        stop=stop_after_attempt(limits.attempts),
        wait=wait_exponential(multiplier=limits.first_wait, max=max(_LONGEST_WAIT, limits.first_wait)),
        retry=retry_if_exception(passes),
        reraise=True,
    )
    try:
        return tries(call)
    except Exception as error:
        if not passes(error):
            raise
        raise BusyError(
            f"What a job reads and writes must be within reach. Received: {short(error, job)} from {what}, "
            f"{limits.attempts} times; try again later, or raise limits.attempts."
        ) from error


def passes(error: BaseException) -> bool:
    """Say whether an error is of a kind that passes by itself.

    Args:
        error: What was raised.

    Returns:
        True for connections that break or cannot be made, locks and deadlocks; False for what is missing,
        forbidden, damaged or wrong.

    Example:
        >>> passes(ConnectionResetError()), passes(FileNotFoundError()), passes(ValueError())
        (True, False, False)
    """
    if isinstance(error, ForecastingError):
        return error.__cause__ is not None and passes(error.__cause__)
    if isinstance(error, OSError):
        return isinstance(error, (ConnectionError, TimeoutError)) or error.errno in _PASSING
    driver = getattr(error, "orig", None)  # what SQLAlchemy wraps
    if driver is None:
        return False
    if getattr(error, "connection_invalidated", False):
        return True
    if state := getattr(driver, "sqlstate", None):
        return str(state).startswith(_STATES)
    if name := getattr(driver, "sqlite_errorname", None):
        return str(name).startswith(_SQLITE)
    is_operational = type(driver).__name__ == "OperationalError"
    return is_operational and not any(word in str(driver) for word in _WRONG)


def short(error: BaseException, job: JobSettings) -> str:
    """Say in a line what an error says, without secrets.

    Args:
        error: What was raised.
        job: Whose passwords must not be shown.

    Returns:
        Its kind and its first line.
    """
    own = error.__cause__ if isinstance(error, ForecastingError) else None
    cause = getattr(error, "orig", None) or own or error
    lines = str(cause).strip().splitlines()
    return hide(": ".join([type(cause).__name__, *lines[:1]]), job).rstrip(".")
