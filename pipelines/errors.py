"""Exceptions of the pipelines, each with the exit code that the command line ends with.

Messages follow one grammar: the rule, what was received, the cure.
"""


class ForecastingError(Exception):
    """Base of every error that the pipelines raise on purpose.

    Attributes:
        exit_code: Exit status of the command line for this kind of error (sysexits.h numbering).

    Example:
        >>> issubclass(PanelError, ForecastingError)
        True
    """

    exit_code: int = 70


class PanelError(ForecastingError, ValueError):
    """The data cannot be used as a panel of series; the message names series, column and cure.

    Example:
        >>> PanelError.exit_code
        65
    """

    exit_code = 65


class LackingError(PanelError):
    """Some series lack what a forecast of them needs; others have it.

    Args:
        message: The rule, what was received, the cure.
        series: Ids of the series that lack it.

    Example:
        >>> LackingError("no price", ("A",)).series
        ('A',)
    """

    def __init__(self, message: str, series: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.series = series


class BundleError(ForecastingError, ValueError):
    """A saved forecaster is missing, damaged, or from an incompatible version.

    Example:
        >>> BundleError.exit_code
        65
    """

    exit_code = 65


class StateError(ForecastingError, ValueError):
    """What a scheduled job has kept is missing or damaged.

    Example:
        >>> StateError.exit_code
        65
    """

    exit_code = 65


class ConfigError(ForecastingError, ValueError):
    """A setting has a value that is not allowed.

    Example:
        >>> ConfigError.exit_code
        78
    """

    exit_code = 78


class NotFittedError(ForecastingError, RuntimeError, AttributeError):
    """What a fit learns was asked for before ``fit``.

    Example:
        >>> NotFittedError.exit_code
        64
    """

    exit_code = 64


class BusyError(ForecastingError, RuntimeError):
    """Another process holds the lock of an output; trying again later can succeed.

    Example:
        >>> BusyError.exit_code
        75
    """

    exit_code = 75


class WorkerError(ForecastingError, RuntimeError):
    """A call could not be made by another process, which died of it; trying again later can succeed.

    Example:
        >>> WorkerError.exit_code
        75
    """

    exit_code = 75
