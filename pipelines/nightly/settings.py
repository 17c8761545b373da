"""What a scheduled job is told: validated, frozen, and with a fingerprint of what moves its forecasts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipelines.checking import plain
from pipelines.config import Settings
from pipelines.nightly.layers import Environment

Severity: TypeAlias = Literal["fail", "warn", "off"]
"""What a check that does not hold does: stop the job, be named in the run, nothing."""

Count: TypeAlias = Annotated[int, Field(ge=1)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
JOB_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""What names of jobs look like."""
Name: TypeAlias = Annotated[str, Field(pattern=JOB_NAME)]
Identifier: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]

# Columns that forecasts have beside those that are named here: who made a row, and who else forecasts.
_TAKEN: Final = ("model", "SeasonalNaive")
_TAKEN_IN_TABLES: Final = ("job", "cutoff", "model")

# Neither moves a forecast: where it goes, who hears of it, how long the job may take.
_BESIDE: Final = ("folder", "sink", "tracking", "notify", "limits", "partitions")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(_Table):
    """Where a table lies: a path, or a table of a database."""

    path: Annotated[str | None, Field(description="CSV or Parquet file; also a URL that fsspec knows.")] = (
        None
    )
    url: Annotated[
        SecretStr | None,
        Field(description="Database, as SQLAlchemy writes it; with a password only from the environment."),
    ] = None
    table: Annotated[Identifier | None, Field(description="Table of the database.")] = None
    db_schema: Annotated[Identifier | None, Field(description="Schema of the table.")] = None

    @model_validator(mode="after")
    def _one_place(self) -> Place:
        if (self.path is None) == (self.url is None) or (self.url is None) != (self.table is None):
            raise ValueError("must have either a path, or a url with a table")
        return self


class Source(Place):
    """Where the series are read from; the columns are named in ``model``."""

    path: Annotated[
        str | None,
        Field(description="Shipped data set, CSV or Parquet file, folder of Parquet files, or fsspec URL."),
    ] = None
    static: Annotated[str | None, Field(description="File of static covariates, a row per series.")] = None
    past: Annotated[
        int | None, Field(ge=1, description="Steps up to the cutoff that are read and known; none: all.")
    ] = None
    known_at: Annotated[
        str | None,
        Field(
            description="Column that says when a row became known; rows known after the cutoff are unseen."
        ),
    ] = None
    known_hours: Annotated[
        float,
        Field(ge=0, description="Hours after the cutoff until which rows of known_at count as known."),
    ] = 0.0


class Sink(Place):
    """Where forecasts are published."""


class Checks(_Table):
    """What must hold of the data before anything is forecast."""

    freshness: Annotated[
        Severity, Field(description="The newest row is at most max_lag steps before the cutoff.")
    ] = "fail"
    max_lag: Annotated[int, Field(ge=0, description="Steps.")] = 0
    stale_series: Annotated[
        Severity, Field(description="At most stale_share of the series end before max_lag.")
    ] = "warn"
    stale_share: Share = 0.1
    deadline_hours: Annotated[
        float | None,
        Field(
            ge=0,
            description="Hours after the cutoff until which stale data mean: try again later (75).",
        ),
    ] = None
    rows: Annotated[Severity, Field(description="No fewer rows than the last night had, less max_loss.")] = (
        "fail"
    )
    series: Annotated[
        Severity, Field(description="The series of the last night are there, but for max_loss of them.")
    ] = "fail"
    max_loss: Share = 0.05
    stamps: Annotated[
        Severity, Field(description="Time stamps are in the zone and on the grid of the last night's.")
    ] = "fail"
    revisions: Annotated[
        Severity, Field(description="Values are of the size that they were of in the last night.")
    ] = "fail"
    max_revision: Annotated[float, Field(ge=1, description="Factor between both sizes.")] = 2.0
    duplicates: Annotated[Severity, Field(description="No series has two rows of one time stamp.")] = "fail"
    gaps: Annotated[Severity, Field(description="At most max_gaps of the values are missing.")] = "warn"
    max_gaps: Share = 0.1
    shift: Annotated[
        Severity,
        Field(description="The last season is distributed as in training: PSI at most max_psi."),
    ] = "warn"
    max_psi: Annotated[float, Field(gt=0)] = 0.25


class Gates(_Table):
    """What must hold of a forecast before it is published; a series that fails falls back."""

    max_multiple: Annotated[
        float,
        Field(gt=0, description="Most that a value lies outside the range of its history, in such ranges."),
    ] = 3.0
    max_series: Annotated[
        Share, Field(description="Share of failing series from which on the whole champion is set aside.")
    ] = 0.2


class Watch(_Table):
    """How stored forecasts are judged as actuals arrive."""

    group: Annotated[str | None, Field(description="Static column to score by, beside all series.")] = None
    nights: Annotated[Count, Field(description="Nights that the monitored figures are means of.")] = 28
    recalibrate: Annotated[bool, Field(description="Widen and narrow intervals by what they held.")] = True
    rate: Annotated[float, Field(gt=0, le=1, description="Step size of the recalibration.")] = 0.05
    set_aside: Annotated[
        Share,
        Field(
            description="Largest p-value at which a champion that errs more than seasonal naive is set "
            "aside; 0: never."
        ),
    ] = 0.05
    max_loss: Annotated[
        float, Field(gt=0, description="Error against seasonal naive's from which on the alarm is raised.")
    ] = 1.0
    coverage_gap: Annotated[
        Share, Field(description="Difference to a level's promise from which on the alarm is raised.")
    ] = 0.15


class Retrain(_Table):
    """When a challenger is trained, and what it must show."""

    every: Annotated[
        int | None, Field(ge=1, description="Steps between trainings; none: only by alarm or by hand.")
    ] = None
    on_alarm: bool = True
    cooldown: Annotated[int, Field(ge=0, description="Steps after a training without another by alarm.")] = 7
    margin: Annotated[
        float, Field(ge=0, lt=1, description="Share by which the challenger must beat the champion.")
    ] = 0.0
    p_value: Annotated[
        float,
        Field(gt=0, le=1, description="Largest p-value of the Diebold-Mariano test of both; 1: no test."),
    ] = 0.1
    n_windows: Annotated[int | None, Field(ge=1, description="Origins that both are tested at.")] = None
    refit: Annotated[
        bool, Field(description="Train a challenger that has won once more, on the rows of its test, too.")
    ] = True
    warm: Annotated[bool, Field(description="Begin with the weights of the champion.")] = False
    keep: Annotated[int, Field(ge=2, description="Versions kept on disk.")] = 5


class Tracking(_Table):
    """Where MLflow runs are kept."""

    uri: Annotated[
        str | None,
        Field(description="Folder, sqlite:///FILE or server; by default the folder of the job."),
    ] = None
    enabled: bool = True
    model: Annotated[
        Name | None, Field(description="Registered model whose alias champion the job follows and moves.")
    ] = None


class Notify(_Table):
    """Who hears of failures and alarms."""

    command: Annotated[
        tuple[str, ...] | None, Field(description="Program and arguments; gets JSON on standard input.")
    ] = None
    webhook: Annotated[SecretStr | None, Field(description="URL that JSON is posted to.")] = None
    on: tuple[Literal["failure", "fallback", "alarm", "promotion"], ...] = ("failure", "fallback", "alarm")

    @field_validator("webhook")
    @classmethod
    def _web(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_web(url.get_secret_value()):
            raise ValueError("must begin with http:// or https://, then name a host")
        return url


class Limits(_Table):
    """How long the job may take and how often it tries."""

    minutes: Annotated[float | None, Field(gt=0, description="Time limit of a night.")] = None
    attempts: Annotated[Count, Field(description="Tries of what fails for a moment.")] = 4
    first_wait: Annotated[float, Field(gt=0, description="Seconds before the second; doubles.")] = 1.0


class Partitions(_Table):
    """How the series are shared among workers."""

    kind: Literal["single", "processes", "ray"] = "single"
    workers: Count = 2
    series: Annotated[Count, Field(description="Series of a partition.")] = 5000
    address: Annotated[str | None, Field(description="Address of a Ray cluster.")] = None


class JobSettings(BaseSettings):
    """A scheduled job; what its arguments leave out may stand in the environment: TCN_JOB_RETRAIN__EVERY=7.

    Example:
        >>> job = JobSettings(name="rentals", source={"path": "bike_sharing"}, sink={"path": "f.parquet"},
        ...                   model={"horizon": 24})
        >>> job.model.levels, len(job.fingerprint)
        ((80.0, 95.0), 64)
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="TCN_JOB_")

    name: Name
    folder: Annotated[
        Path | None,
        Field(description="Where the job keeps its state; by default one of its name beside the file."),
    ] = None
    source: Source
    sink: Sink
    model: Settings
    checks: Checks = Checks()
    gates: Gates = Gates()
    watch: Watch = Watch()
    retrain: Retrain = Retrain()
    tracking: Tracking = Tracking()
    notify: Notify = Notify()
    limits: Limits = Limits()
    partitions: Partitions = Partitions()
    # Absolute places of the source to relative ones: those go on to hold where the job moves with its data.
    _seen: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the arguments count before the environment, whose values are written as in a job file."""
        return init_settings, Environment(settings_cls)

    @field_validator("model", mode="before")
    @classmethod
    def _as_settings(cls, value: object) -> object:
        return plain(value)

    @field_validator("model")
    @classmethod
    def _apart_from_columns_of_forecasts(cls, model: Settings, info: ValidationInfo) -> Settings:
        in_table = "sink" in info.data and info.data["sink"].url is not None
        for role in ("id_col", "time_col", "alias"):
            name = getattr(model, role)
            # Databases do not tell small letters from capitals.
            if name in _TAKEN or (in_table and name.lower() in _TAKEN_IN_TABLES):
                raise ValueError(
                    f"{role} must not be a name that another column of the forecasts has. Received: "
                    f"{name!r}; name that one otherwise."
                )
        return model

    def seen_from_file(self, places: Mapping[str, str]) -> JobSettings:
        """Return the same settings, known by where their source lies as seen from the job's file.

        Args:
            places: Absolute paths and addresses to relative ones.
        """
        settings = self.model_copy()
        settings._seen = dict(places)
        return settings

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that moves a forecast, hexadecimal: the same wherever job and forecasts lie."""
        # What is left at its default is left out: settings that a release adds change no key.
        record = self.model_dump(mode="json", exclude=set(_BESIDE), exclude_defaults=True)
        source, url = record["source"], self.source.url and self.source.url.get_secret_value()
        places = {"url": url, "path": self.source.path, "static": self.source.static}
        source |= {name: self._seen.get(place, place) for name, place in places.items() if place}
        if url:
            source["url"] = _without_password(source["url"])
        return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()

    @property
    def columns(self) -> tuple[str, str, str]:
        """Columns of ids, time stamps and values."""
        return self.model.id_col, self.model.time_col, self.model.target_col


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False


def _without_password(url: str) -> str:
    """A database's address without who asks: a changed password moves no forecast."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
