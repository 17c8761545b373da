"""Settings of a forecaster: frozen, validated when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipelines.errors import ConfigError

Auto: TypeAlias = Literal["auto"]
Count: TypeAlias = Annotated[int, Field(ge=1, strict=True)]
Preset: TypeAlias = Literal["fast", "default", "best"]


class Settings(BaseModel):
    """Arguments of ``Forecaster``, checked; see there for their meaning.

    Example:
        >>> Settings(horizon=24).levels
        (80.0, 95.0)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    horizon: Count
    freq: Any = None
    season_length: Auto | Count = "auto"
    levels: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = (80.0, 95.0)
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    lookback: Auto | Annotated[int, Field(ge=2, strict=True)] = "auto"
    architecture: Literal["tcn"] = "tcn"
    filters: Auto | Count = "auto"
    kernel_size: Auto | Annotated[int, Field(ge=2, strict=True)] = "auto"
    dilations: Auto | tuple[Count, ...] = "auto"
    head: Literal["quantile"] = "quantile"
    preset: Preset = "default"
    max_steps: Auto | Annotated[int, Field(ge=0, strict=True)] = "auto"
    time_budget: Annotated[float, Field(gt=0)] | None = None
    ensemble: Auto | Count = "auto"
    alias: Annotated[str, Field(min_length=1)] = "TCN"
    id_col: str = "unique_id"
    time_col: str = "ds"
    target_col: str = "y"

    @field_validator("levels")
    @classmethod
    def _sorted_levels(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(levels)) != len(levels):
            raise ValueError("levels must differ from one another")
        return tuple(sorted(levels))

    @field_validator("dilations")
    @classmethod
    def _some_dilations(cls, dilations: Any) -> Any:
        if not len(dilations):
            raise ValueError("dilations must hold at least one rate")
        return dilations

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Settings:
        """Check the arguments of a forecaster.

        Args:
            arguments: Names and values; NumPy integers and lists are welcome.

        Returns:
            The settings.

        Raises:
            ConfigError: If any is not allowed; the message names all that are not.

        Example:
            >>> Settings.of({"horizon": 0})
            Traceback (most recent call last):
            pipelines.errors.ConfigError: 'horizon': input should be greater than or equal to 1. Received: 0.
        """
        try:
            return cls(**{name: _plain(value) for name, value in arguments.items()})
        except ValidationError as error:
            raise ConfigError(_explain(error)) from None


def _plain(value: Any) -> Any:
    """Python's own type for a NumPy scalar, a tuple for a list or array."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(value) if isinstance(value, list) else value


def _explain(error: ValidationError) -> str:
    """One line per setting that is not allowed: the rule, then what was received."""
    rules: dict[str, list[str]] = {}
    received: dict[str, Any] = {}
    for problem in error.errors():
        name = str(problem["loc"][0])
        message = problem["msg"].removeprefix("Value error, ")
        rules.setdefault(name, []).append(message[:1].lower() + message[1:])
        # Problems inside a list or of one choice among several share the first part of their place.
        received.setdefault(name, problem["input"])
    return "\n".join(
        f"'{name}': {' or '.join(dict.fromkeys(found))}. Received: {received[name]!r}."
        for name, found in rules.items()
    )
