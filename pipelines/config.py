"""Settings of a forecaster: frozen, validated when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.checking import explain, plain
from pipelines.choices import Architecture, Conformal, Head, Loss, Preset, Scaling, Target, Transform
from pipelines.covariates import Covariates
from pipelines.errors import ConfigError

Auto: TypeAlias = Literal["auto"]
Count: TypeAlias = Annotated[int, Field(ge=1, strict=True)]


class Settings(BaseModel):
    """Arguments of ``Forecaster``, checked; see there for their meaning.

    Example:
        >>> Settings(horizon=24).levels
        (80.0, 95.0)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    horizon: Count
    freq: Any = None
    season_length: Auto | Count | tuple[Count, ...] = "auto"
    levels: tuple[float, ...] = (80.0, 95.0)
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    lookback: Auto | Annotated[int, Field(ge=2, strict=True)] = "auto"
    architecture: Architecture = "tcn"
    filters: Auto | Count = "auto"
    kernel_size: Auto | Annotated[int, Field(ge=2, strict=True)] = "auto"
    dilations: Auto | tuple[Count, ...] = "auto"
    head: Head = "quantile"
    preset: Preset = "default"
    max_steps: Auto | Annotated[int, Field(ge=0, strict=True)] = "auto"
    learning_rate: Auto | Annotated[float, Field(gt=0, le=1)] = "auto"
    jitter: Annotated[float, Field(ge=0, le=10)] = 0.0
    time_budget: Annotated[float, Field(gt=0)] | None = None
    ensemble: Auto | Count = "auto"
    alias: Annotated[str, Field(min_length=1)] = "TCN"
    id_col: str = "unique_id"
    time_col: str = "ds"
    target_col: str = "y"
    covariates: Covariates | None = None
    transform: Transform | None = None
    scaling: Auto | Scaling = "auto"
    multivariate: Annotated[bool, Field(strict=True)] = False
    target: Auto | Target = "auto"
    conformal: Conformal | None = None
    loss: Loss = "quantile"
    stretch: Annotated[float, Field(ge=0, le=2)] = 0.0

    @field_validator("levels", mode="before")
    @classmethod
    def _checked_levels(cls, levels: Any) -> tuple[float, ...]:
        return _levels(levels)

    @field_validator("dilations")
    @classmethod
    def _some_dilations(cls, dilations: Any) -> Any:
        if not len(dilations):
            raise ValueError("dilations must hold at least one rate")
        return dilations

    @field_validator("season_length")
    @classmethod
    def _distinct_seasons(cls, seasons: Any) -> Any:
        if isinstance(seasons, tuple) and (not seasons or len({*seasons}) < len(seasons)):
            raise ValueError("season_length must hold one season at least, and none twice")
        return seasons

    @model_validator(mode="after")
    def _own_columns(self) -> Settings:
        others = (self.id_col, self.time_col, self.target_col, "cutoff")
        if len({self.alias, *others}) <= len(others):
            names = ", ".join(map(repr, (self.alias, *others)))
            raise ValueError(
                f"alias, id_col, time_col, target_col and 'cutoff' must be five names. Received: {names}."
            )
        return self

    @model_validator(mode="after")
    def _fitting_covariates(self) -> Settings:
        if self.covariates is None:
            return self
        columns = {"id_col": self.id_col, "time_col": self.time_col, "target_col": self.target_col}
        for role, name in columns.items():
            if name in (*self.covariates.rows, *self.covariates.static):
                raise ValueError(
                    f"A covariate must be a column beside {role}={name!r}. Received: {name!r} in "
                    f"{self.covariates!r}; leave it out."
                )
        for name in self.covariates.future:
            lag = self.covariates.lag(name)
            if lag >= self.horizon:
                raise ValueError(
                    "A future column must be known at least one step ahead. Received: "
                    f"lags[{name!r}]={lag} with horizon={self.horizon}; declare it past, with the lag "
                    f"{lag - self.horizon}."
                )
        return self

    @model_validator(mode="after")
    def _zeros_stay_zeros(self) -> Settings:
        if self.head == "hurdle" and (self.transform is not None or self.scaling in ("global", "mixed")):
            raise ValueError(
                "head='hurdle' forecasts how often values are 0, and needs them as they are. Received: "
                f"transform={self.transform!r}, scaling={self.scaling!r}; leave both out."
            )
        return self

    @model_validator(mode="after")
    def _levels_to_stretch(self) -> Settings:
        if self.stretch and (self.head == "hurdle" or self.transform == "difference"):
            raise ValueError(
                "stretch multiplies values around the first one of their series: zeros must not be moved, "
                f"nor changes be taken for values. Received: stretch={self.stretch:g}, head={self.head!r}, "
                f"transform={self.transform!r}; leave it out."
            )
        return self

    @field_validator("covariates")
    @classmethod
    def _none_if_empty(cls, covariates: Covariates | None) -> Covariates | None:
        return None if covariates is None or covariates.is_empty else covariates

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
            return cls(**{name: plain(value) for name, value in arguments.items()})
        except ValidationError as error:
            raise ConfigError(explain(error)) from None


def checked_levels(levels: Any) -> tuple[float, ...]:
    """Levels of intervals, sorted and rounded to the six digits that columns are named by.

    Args:
        levels: Numbers between 0 and 100, in percent.

    Returns:
        The levels.

    Raises:
        ConfigError: If one is not such a number, or two are the same.

    Example:
        >>> checked_levels([95, 80.0])
        (80.0, 95.0)
    """
    try:
        return _levels(levels)
    except ValueError as error:
        raise ConfigError(f"levels {error}. Received: {levels!r}; try [80, 95].") from None


def checked_quantiles(quantiles: Any) -> tuple[float, ...]:
    """Probabilities of quantiles, sorted and rounded to the six digits that columns are named by.

    Args:
        quantiles: Numbers between 0 and 1.

    Returns:
        The probabilities.

    Raises:
        ConfigError: If one is not such a number, or two are the same.

    Example:
        >>> checked_quantiles([0.9, 0.1])
        (0.1, 0.9)
    """
    try:
        return _distinct(quantiles, 1, "")
    except ValueError as error:
        raise ConfigError(f"quantiles {error}. Received: {quantiles!r}.") from None


def _levels(levels: Any) -> tuple[float, ...]:
    return _distinct(levels, 100, ", in percent")


def _distinct(numbers: Any, limit: float, unit: str) -> tuple[float, ...]:
    try:
        given = [*numbers]
        rounded = [float(f"{float(number):g}") for number in given]
    except (TypeError, ValueError):
        given, rounded = [], [0.0]
    if any(isinstance(number, (bool, str)) for number in given) or any(not 0 < x < limit for x in rounded):
        raise ValueError(f"must be numbers between 0 and {limit:g}{unit}, with six digits at most")
    if len(set(rounded)) < len(rounded):
        raise ValueError("must differ from one another in their first six digits")
    return tuple(sorted(rounded))
