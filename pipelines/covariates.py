"""Which columns beside the target a forecaster may use, and from when on each value is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.checking import explain, plain
from pipelines.choices import Calendar
from pipelines.errors import ConfigError

Name: TypeAlias = Annotated[str, Field(min_length=1, strict=True)]
Lag: TypeAlias = Annotated[int, Field(ge=0, strict=True)]


class Covariates(BaseModel):
    """Columns beside the target by the role that they play, frozen and checked.

    Columns of text, categories and booleans are categorical, columns of numbers numeric.

    Args:
        past: Columns known up to the origin of a forecast, such as a measured load.
        future: Columns known for the whole horizon, such as a weather forecast or a price plan.
        static: Columns with one value per series, such as a region.
        calendar: "auto" for the position of each step ahead in the day, week and year; None for none.
        holidays: Country, or country and subdivision, whose public holidays are known ahead: "US", "AU-VIC".
        lags: Column to publication lag, in rows: at origin t a past column is known up to t - lag, and a
            future one up to t + horizon - lag.

    Raises:
        ConfigError: If a column has two roles, a lag belongs to no column that changes, or a value is not
            allowed.

    Example:
        >>> Covariates(past=["load"], future=["temperature"], calendar="auto", lags={"load": 6})
        Covariates(past=['load'], future=['temperature'], calendar='auto', lags={'load': 6})
        >>> Covariates(past=["load"], static=["load"])
        Traceback (most recent call last):
        pipelines.errors.ConfigError: A covariate must have one role. Received: 'load' as past and static.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    past: tuple[Name, ...] = ()
    future: tuple[Name, ...] = ()
    static: tuple[Name, ...] = ()
    calendar: Calendar | None = None
    holidays: str | None = None
    lags: dict[str, Lag] = Field(default_factory=dict)

    def __init__(self, **arguments: Any) -> None:
        try:
            super().__init__(**{name: plain(value) for name, value in arguments.items()})
        except ValidationError as error:
            raise ConfigError(explain(error)) from None

    @field_validator("past", "future", "static", mode="before")
    @classmethod
    def _several_names(cls, names: Any) -> Any:
        if isinstance(names, str):
            raise ValueError("must be a list of column names")
        return names

    @field_validator("holidays")
    @classmethod
    def _known_country(cls, code: str | None) -> str | None:
        if code is not None:
            holiday_days(code, ())
        return code

    @model_validator(mode="after")
    def _one_role_each(self) -> Covariates:
        roles: dict[str, list[str]] = {}
        for role in ("past", "future", "static"):
            for name in getattr(self, role):
                roles.setdefault(name, []).append(role)
        for name, found in roles.items():
            if len(found) > 1:
                raise ValueError(
                    f"A covariate must have one role. Received: {name!r} as {' and '.join(found)}."
                )
        for name, lag in self.lags.items():
            if name not in self.rows:
                listed = ", ".join(map(repr, self.rows)) or "none"
                raise ValueError(
                    "A lag must belong to a past or future column. Received: "
                    f"lags[{name!r}]={lag}, with the columns {listed}; declare it, or leave the lag out."
                )
        return self

    @property
    def rows(self) -> tuple[str, ...]:
        """Columns whose values change from row to row."""
        return self.past + self.future

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.rows or self.static or self.calendar or self.holidays)

    def lag(self, name: str) -> int:
        """Publication lag of a column, in rows.

        Args:
            name: Name of a column.

        Returns:
            Rows; 0 without a lag.
        """
        return self.lags.get(name, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON holds it; the arguments of the constructor."""
        plain_values: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True)
        return plain_values

    def __repr__(self) -> str:
        """Return the constructor call, arguments at their default left out."""
        return f"Covariates({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"

    __str__ = __repr__

    def __hash__(self) -> int:
        """Equal settings have equal hashes, though lags are a dictionary."""
        return hash((self.past, self.future, self.static, self.calendar, self.holidays))


def holiday_days(code: str, years: Iterable[int]) -> npt.NDArray[np.datetime64]:
    """Public holidays of a country.

    Args:
        code: Country, or country and subdivision, by their ISO 3166 codes.
        years: Years to list.

    Returns:
        Sorted days, datetime64[D].

    Raises:
        ConfigError: If there is no such country or subdivision.

    Example:
        >>> holiday_days("AU-VIC", [2024])[:3]
        array(['2024-01-01', '2024-01-26', '2024-03-11'], dtype='datetime64[D]')
    """
    import holidays  # here, for it takes a moment and few ask for it

    country, _, subdivision = code.partition("-")
    known = holidays.list_supported_countries()
    if country not in known:
        raise ConfigError(
            "holidays must be a country, or a country and its subdivision, by ISO 3166 codes such as 'US' or "
            f"'AU-VIC'. Received: {code!r}."
        )
    if subdivision and subdivision not in known[country]:
        raise ConfigError(
            f"A subdivision of {country!r} must be one of {', '.join(known[country]) or 'none'}. "
            f"Received: {code!r}."
        )
    listed = holidays.country_holidays(country, subdiv=subdivision or None, years=[*years])
    return np.array(sorted(listed), "datetime64[D]")
