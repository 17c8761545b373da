"""MLflow kept quiet while the project calls it: no telemetry, no printed links, no foreign warnings."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_FORCED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# Seven retries, MLflow's default, stall the caller for two minutes when a server has died. A caller's own
# value stays.
_DEFAULTS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}

_lock = threading.Lock()
_depth = 0
_active = ExitStack()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence MLflow inside the block and restore the caller's environment after it.

    MLflow reads its switches from environment variables when it is imported and at each call, so they are set
    for the time of the call alone. Blocks nest, also across threads: the first one in sets, the last one out
    restores.

    Yields:
        Nothing.

    Example:
        >>> import os
        >>> before = dict(os.environ)
        >>> with quiet():
        ...     os.environ["DO_NOT_TRACK"]
        'true'
        >>> dict(os.environ) == before
        True
    """
    global _depth, _active
    with _lock:
        if _depth == 0:
            _active = ExitStack()
            _active.enter_context(_environment())
            _active.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _active.close()


@contextmanager
def _environment() -> Iterator[None]:
    values = _FORCED | {name: value for name, value in _DEFAULTS.items() if name not in os.environ}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def only_errors(*names: str) -> Iterator[None]:
    """Let the named loggers pass nothing below an error inside the block.

    Args:
        names: Names of loggers; their children without a level of their own follow.

    Yields:
        Nothing.

    Example:
        >>> with only_errors("demo"):
        ...     logging.getLogger("demo.child").isEnabledFor(logging.WARNING)
        False
    """
    before = [(logger := logging.getLogger(name), logger.level) for name in names]
    for logger, _ in before:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)
