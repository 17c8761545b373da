"""What a command asks for, and the same with its data read and its blanks filled in."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines import datasets
from pipelines.covariates import Covariates
from pipelines.errors import ConfigError, PanelError
from pipelines.forecaster import Forecaster
from pipelines.frequency import season_length_of
from pipelines.panel import Panel, panel_digest
from pipelines.plan import MAX_ROWS
from pipelines.windows import CovariateState

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES = (".csv", ".parquet")
MIN_HORIZON, MAX_HORIZON = 6, 96


@dataclass(frozen=True)
class Request:
    """Data and settings as a person gives them; None leaves the choice to the data.

    Args:
        source: Name of a shipped data set, or path of a CSV or Parquet file.
        horizon: Steps ahead; by default that of the data set, or one season (at least 6, at most 96 steps).
        freq: Frequency of the time stamps; by default that of the data set, or inferred.
        season_length: Steps in a season, or in each of several, the main one first; by default the natural
            one of the frequency.
        levels: Interval levels in percent.
        seed: Seed of the training; by default 0.
        preset: ``fast``, ``default`` or ``best``; by default ``default``.
        max_steps: Training steps; by default as many as the data ask for.
        learning_rate: Largest step size of the optimizer; by default that of the plan.
        jitter: Noise that training adds to the values that are looked back on; by default none.
        loss: What training minimizes; by default the quantile loss.
        stretch: Spread of the random factors that training multiplies stretches of series by; by default 0.
        transform: What to do to the values before the network reads them; by default nothing.
        scaling: What the network sees values relative to; by default what goes with the covariates.
        multivariate: Whether the series see each other.
        target: Kind of the values; by default "auto".
        architecture: What the network is made of; by default "tcn".
        head: What quantiles are made by; by default "quantile".
        conformal: How intervals are calibrated: "split" or "adaptive"; None not to.
        id_col: Column of series ids.
        time_col: Column of time stamps.
        target_col: Column of values.
        name: What reports call the data; by default the data set's or the file's name.
        covariates: Columns beside the values to use; None for none.
        static: File of static covariates, a row per series; by default they are columns of the data.
        future: File of future covariates, a row per series and step ahead.

    Example:
        >>> Request("us_unemployment").levels
        (80.0, 95.0)
    """

    source: str
    horizon: int | None = None
    freq: str | None = None
    season_length: int | tuple[int, ...] | None = None
    levels: tuple[float, ...] = (80.0, 95.0)
    seed: int | None = None
    preset: str | None = None
    max_steps: int | None = None
    learning_rate: float | None = None
    jitter: float | None = None
    loss: str | None = None
    stretch: float | None = None
    transform: str | None = None
    scaling: str | None = None
    multivariate: bool = False
    target: str | None = None
    architecture: str | None = None
    head: str | None = None
    conformal: str | None = None
    id_col: str = "unique_id"
    time_col: str = "ds"
    target_col: str = "y"
    name: str | None = None
    covariates: Covariates | None = None
    static: str | None = None
    future: str | None = None

    @property
    def files(self) -> tuple[str | None, ...]:
        """What is read, which no output may replace."""
        return self.source, self.static, self.future


@dataclass(frozen=True)
class Task:
    """A request whose data are read: nothing is left open.

    Args:
        request: What was asked for.
        name: What reports call the data.
        panel: The data.
        horizon: Steps ahead.
        seasons: Steps in each season, the main one first.
        future: Future covariates of the steps ahead, None if none were given.

    Example:
        >>> task = Task.load(Request("us_unemployment"))
        >>> task.horizon, task.season_length, task.panel.n_series
        (12, 12, 14)
    """

    request: Request
    name: str
    panel: Panel
    horizon: int
    seasons: tuple[int, ...]
    future: pd.DataFrame | None = None

    @classmethod
    def load(cls, request: Request) -> Task:
        """Read and check the data of a request.

        Args:
            request: What is asked for.

        Returns:
            The task.

        Raises:
            PanelError: The data are missing or cannot be used.
            ConfigError: A setting does not fit the data.
        """
        frame, info = read_source(request.source, request.id_col)
        freq = request.freq or (info.freq if info else None)
        static, future = (
            None if path is None else datasets.read_table(path, id_col=request.id_col)
            for path in (request.static, request.future)
        )
        columns = (request.id_col, request.time_col, request.target_col)
        check_asked_for(request)
        panel = Panel.from_frame(frame, freq, *columns, covariates=request.covariates, static=static)
        if np.isnan(panel.values).all():
            raise PanelError(
                f"The data must have a value. Received: none in column {request.target_col!r}; is it the one "
                "to forecast? Name another one with --target-col."
            )
        return cls.of(request, panel, info, future)

    @classmethod
    def of(
        cls,
        request: Request,
        panel: Panel,
        info: datasets.DatasetInfo | None = None,
        future: pd.DataFrame | None = None,
    ) -> Task:
        """Fill in the blanks of a request whose data have been read.

        Args:
            request: What is asked for.
            panel: The data.
            info: What is known of them if they are a data set.
            future: Future covariates of the steps ahead.

        Returns:
            The task.

        Raises:
            ConfigError: A setting does not fit the data.
        """
        known = info if info and panel.freq.text == info.freq else None
        season = request.season_length or (known.season_length if known else season_length_of(panel.freq))
        seasons = season if isinstance(season, tuple) else (season,)
        horizon = request.horizon or (known.horizon if known else default_horizon(seasons[0]))
        for what, steps in (("horizon", horizon), ("season length", max(seasons))):
            if steps > MAX_ROWS:
                raise ConfigError(
                    f"The {what} must be at most {MAX_ROWS:,} steps, the most rows of a panel. Received: "
                    f"{steps:,}; choose a smaller one."
                )
        return cls(request, request.name or Path(request.source).stem, panel, horizon, seasons, future)

    @property
    def season_length(self) -> int:
        """Steps in the main season."""
        return self.seasons[0]

    def forecaster(self) -> Forecaster:
        """Make an unfitted forecaster with the settings of this task.

        Returns:
            The forecaster.

        Raises:
            ConfigError: A setting is not allowed.
        """
        request = self.request
        return Forecaster(
            horizon=self.horizon,
            freq=self.panel.freq.text,
            season_length=self.seasons if len(self.seasons) > 1 else self.season_length,
            levels=request.levels,
            seed=0 if request.seed is None else request.seed,
            preset=request.preset or "default",
            max_steps="auto" if request.max_steps is None else request.max_steps,
            learning_rate="auto" if request.learning_rate is None else request.learning_rate,
            jitter=request.jitter or 0.0,
            loss=request.loss or "quantile",
            stretch=request.stretch or 0.0,
            transform=request.transform,
            scaling=request.scaling or "auto",
            multivariate=request.multivariate,
            target=request.target or "auto",
            architecture=request.architecture or "tcn",
            head=request.head or "quantile",
            conformal=request.conformal,
            id_col=request.id_col,
            time_col=request.time_col,
            target_col=request.target_col,
            covariates=request.covariates,
        )

    def check_future(self, fitted: Panel) -> None:
        """Check, before any training, that enough is known of the steps ahead.

        Args:
            fitted: The rows of the fit.

        Raises:
            PanelError: A future covariate lacks a value of a step ahead.
        """
        asked = self.request.covariates
        if asked is not None and asked.future:
            state = CovariateState.fit(asked, fitted, self.horizon, self.season_length)
            state.read_future(self.panel, self.future)

    def digest(self) -> str:
        """Fingerprint of the data: the same for a CSV and a Parquet file with the same series.

        Returns:
            SHA-256, hexadecimal.
        """
        return panel_digest(self.panel)


def default_horizon(season_length: int) -> int:
    """Choose how far to forecast where nobody says: one season, but neither a few steps nor hundreds.

    Args:
        season_length: Steps in a season.

    Returns:
        Steps ahead.

    Example:
        >>> [default_horizon(season) for season in (1, 12, 24, 288)]
        [6, 12, 24, 96]
    """
    return min(max(season_length, MIN_HORIZON), MAX_HORIZON)


def read_source(source: str, id_col: str = "unique_id") -> tuple[pd.DataFrame, datasets.DatasetInfo | None]:
    """Read a shipped data set or a file.

    Args:
        source: Name of a data set, or path of a ``.csv`` or ``.parquet`` file.
        id_col: Column that a CSV file keeps as text.

    Returns:
        The table, and what is known of it if it is a data set.

    Raises:
        PanelError: There is no such data set or file, or it cannot be read.

    Example:
        >>> read_source("bike_sharring")
        Traceback (most recent call last):
        pipelines.errors.PanelError: ... Did you mean 'bike_sharing'?
    """
    if source in datasets.names():
        return datasets.load(source), datasets.describe(source)
    path = Path(source)
    if path.exists():
        return datasets.read_table(path, id_col=id_col), None
    if path.suffix.lower() in _SUFFIXES:
        raise PanelError(f"A data file must exist. Received: {source!r}, no such file.{_neighbors(path)}")
    close = get_close_matches(source, datasets.names(), n=1)
    raise PanelError(
        f"The data must be a {' or '.join(_SUFFIXES)} file, or one of the data sets "
        f"{', '.join(datasets.names())}. Received: {source!r}.{_did_you_mean(close)}"
    )


def check_asked_for(request: Request) -> None:
    """Check that files of covariates go with covariates.

    Args:
        request: What is asked for.

    Raises:
        ConfigError: If not.
    """
    asked = request.covariates
    for role in ("static", "future"):
        path = getattr(request, role)
        if path is not None and not (asked and getattr(asked, role)):
            raise ConfigError(
                f"A {role} file must hold {role} covariates. Received: {path!r} without any; name its "
                f"columns with --{role}-col, or leave it out."
            )


def _neighbors(path: Path) -> str:
    """Data files beside a path that does not exist."""
    if not path.parent.is_dir():
        return f" There is no folder {str(path.parent)!r} either."
    found = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix.lower() in _SUFFIXES)
    if close := get_close_matches(path.name, found, n=1):
        return _did_you_mean([str(path.with_name(close[0]))])
    shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
    return f" Data files in {str(path.parent.absolute())!r}: {shown or 'none'}."


def _did_you_mean(close: list[Any]) -> str:
    return f" Did you mean {close[0]!r}?" if close else ""
