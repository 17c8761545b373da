"""What a hyper-parameter may be: one of some values, or a number between two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pipelines.errors import ConfigError

NONE = "none"
"""What stands for None in files, which have no word for it."""


@dataclass(frozen=True, init=False)
class Choice:
    """One of some values, of any kinds; numbers should be in their order, as searches learn from neighbors.

    Args:
        *values: The values, each once.

    Raises:
        ConfigError: If there are fewer than two, or one is there twice.

    Example:
        >>> Choice(16, 32, 64).size
        3
    """

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        plain = tuple(tuple(value) if isinstance(value, list) else value for value in values)
        if len(plain) < 2 or len({repr(value) for value in plain}) < len(plain):
            raise ConfigError(f"A choice must have two values or more, each once. Received: {values!r}.")
        object.__setattr__(self, "values", plain)

    @property
    def size(self) -> float:
        """Number of values."""
        return len(self.values)

    @property
    def examples(self) -> tuple[Any, ...]:
        """Values that all others are between."""
        return self.values

    def to_dict(self) -> dict[str, Any]:
        """Return what `domain_of` reads."""
        values = (list(value) if isinstance(value, tuple) else value for value in self.values)
        return {"values": [NONE if value is None else value for value in values]}


@dataclass(frozen=True)
class IntRange:
    """A whole number from ``low`` to ``high``.

    Args:
        low: Least value.
        high: Largest value.
        step: Difference from one value to the next.
        log: Whether ratios count rather than differences; the step is then 1.

    Raises:
        ConfigError: If the numbers are no such range.

    Example:
        >>> IntRange(24, 336, step=24).size
        14
    """

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        whole = all(type(number) is int for number in (self.low, self.high, self.step))
        if not whole or self.low >= self.high or self.step < 1:
            raise ConfigError(
                f"A range of integers must have low < high and a positive step. Received: {self!r}."
            )
        if self.log and (self.low < 1 or self.step != 1):
            raise ConfigError(f"A range of ratios must begin at 1 or more, with step=1. Received: {self!r}.")

    @property
    def values(self) -> range:
        """All values."""
        return range(self.low, self.high + 1, self.step)

    @property
    def size(self) -> float:
        """Number of values."""
        return len(self.values)

    @property
    def examples(self) -> tuple[Any, ...]:
        """Values that all others are between."""
        return self.values[0], self.values[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return what `domain_of` reads."""
        return {"low": self.low, "high": self.high, "step": self.step, "log": self.log}


@dataclass(frozen=True)
class _Interval:
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range(self, self.low, self.high)

    @property
    def size(self) -> float:
        """Infinity."""
        return math.inf

    @property
    def examples(self) -> tuple[Any, ...]:
        """Values that all others are between."""
        return self.low, self.high


@dataclass(frozen=True)
class Uniform(_Interval):
    """A number from ``low`` to ``high``, all alike.

    Args:
        low: Least value.
        high: Largest value.

    Raises:
        ConfigError: If the numbers are no such range.

    Example:
        >>> Uniform(0.0, 0.2).size
        inf
    """

    def to_dict(self) -> dict[str, Any]:
        """Return what `domain_of` reads."""
        return {"low": float(self.low), "high": float(self.high), "log": False}


@dataclass(frozen=True)
class LogUniform(_Interval):
    """A number from ``low`` to ``high``, all ratios alike.

    Args:
        low: Least value, above 0.
        high: Largest value.

    Raises:
        ConfigError: If the numbers are no such range.

    Example:
        >>> LogUniform(1e-4, 1e-2).examples
        (0.0001, 0.01)
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0:
            raise ConfigError(f"A range of ratios must begin above 0. Received: {self!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Return what `domain_of` reads."""
        return {"low": float(self.low), "high": float(self.high), "log": True}


Domain: TypeAlias = Choice | IntRange | Uniform | LogUniform


def domain_of(name: str, content: Any) -> Domain:
    """Read what a hyper-parameter may be from plain data.

    Args:
        name: Name of the hyper-parameter, for messages.
        content: A list of values, in which "none" is None; or a table with ``values``, or with ``low`` and
            ``high``, where two integers make a range of integers, ``step`` for those, and ``log``.

    Returns:
        A domain; one that is given as such as it is.

    Raises:
        ConfigError: If it is nothing of that.

    Example:
        >>> domain_of("transform", ["none", "log"])
        Choice(values=(None, 'log'))
        >>> domain_of("learning_rate", {"low": 1e-4, "high": 1e-2, "log": True})
        LogUniform(low=0.0001, high=0.01)
        >>> domain_of("lookback", {"low": 24, "high": 336, "step": 24})
        IntRange(low=24, high=336, step=24, log=False)
    """
    if isinstance(content, Choice | IntRange | Uniform | LogUniform):
        return content
    table = dict(content) if isinstance(content, Mapping) else {"values": content}
    values = table.get("values")
    try:
        if set(table) == {"values"} and isinstance(values, Sequence) and not isinstance(values, str):
            return Choice(*(None if value == NONE else value for value in values))
        if {"low", "high"} <= set(table) <= {"low", "high", "step", "log"}:
            return _range(**table)
    except ConfigError as error:
        raise ConfigError(f"'{name}': {error}") from None
    raise ConfigError(
        f"'{name}' of a search space must be a list of values, or a table with low and high, and maybe step "
        f"or log. Received: {content!r}."
    )


def _range(low: Any, high: Any, step: Any = None, log: Any = False) -> Domain:
    if not isinstance(log, bool):
        raise ConfigError(f"log must be true or false. Received: {log!r}; leave it out for false.")
    if type(low) is int and type(high) is int:
        return IntRange(low, high, 1 if step is None else step, log)
    if step is not None:
        raise ConfigError(f"step is for ranges of integers. Received: step={step!r}; leave it out.")
    return LogUniform(low, high) if log else Uniform(low, high)


def _check_range(domain: IntRange | _Interval, low: Any, high: Any) -> None:
    numbers = all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in (low, high))
    if not numbers or not -math.inf < low < high < math.inf:
        raise ConfigError(f"A range must have two finite numbers, low < high. Received: {domain!r}.")
