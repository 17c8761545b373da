"""The face of the package: fit, predict, backtest, save, load, plan."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.backtesting import Asked, Windows, backtest_fitted, backtest_refitted
from pipelines.config import Settings
from pipelines.conformal import METHODS
from pipelines.covariates import Covariates
from pipelines.errors import ConfigError, NotFittedError
from pipelines.fine_tuning import INITIAL
from pipelines.fitted import Fitted
from pipelines.frames import FrameKind
from pipelines.insample import fitted_frame
from pipelines.learning import learn, prepared
from pipelines.panel import Panel
from pipelines.plan import Plan
from pipelines.preparing import untold
from pipelines.reading import read_panel, read_rows
from pipelines.recalibration import calibrated_apart, recalibrated, with_calibration
from pipelines.runtime import OnnxNetwork
from pipelines.sampling import sample_frame
from pipelines.saving import read_fitted, write_fitted
from pipelines.store import PanelStore
from pipelines.windows import CovariateState

if TYPE_CHECKING:
    import pandas as pd


class Forecaster:
    """Probabilistic forecasts of many series with one temporal convolution network.

    Everything but ``horizon`` has a default that is derived from the frequency, the season, the horizon and
    the size of the panel when ``fit`` sees the data; ``plan`` shows what was derived.

    Args:
        horizon: Steps ahead to forecast.
        freq: Step between stamps, such as "h" or "MS"; an integer for integer stamps; None to infer it.
        season_length: Steps in a season, or in each of several, the main one first; "auto" for the natural
            one of the frequency.
        levels: Levels of the central prediction intervals, in percent.
        seed: Fixes weights and batches: the same data, settings and seed give the same forecast, bit for bit,
            on one machine.
        lookback: Steps that a forecast looks back, or "auto".
        architecture: What the dilated stack beside the long-kernel path is made of: "tcn", residual blocks
            with normalization and a linear gate; "wavenet", blocks with tanh and sigmoid gates, whose skip
            outputs are summed.
        filters: Channels of the dilated stack, or "auto".
        kernel_size: Taps of its convolutions, or "auto".
        dilations: Their dilation rates, or "auto" for 1, 2, 4, ... as far as the season asks.
        head: What quantiles are made by: "quantile", a number for each; "hurdle", a probability of zero and a
            distribution of the other values, for intermittent demand; "normal" or "laplace", location and
            scale of that distribution.
        preset: "fast", "default" or "best": how much training to spend.
        max_steps: Training steps, or "auto".
        time_budget: Seconds that training may take; the result then depends on the speed of the machine.
        ensemble: Members whose quantiles are averaged, or "auto".
        alias: Name of the forecast's columns.
        id_col: Column of the series' ids.
        time_col: Column of the stamps.
        target_col: Column of the values.
        covariates: What else is known of the series, and from when on; None for nothing.
        transform: What to do to the values before the network reads them, and to undo after: "log",
            "box-cox", "asinh" or "difference"; None for nothing.
        scaling: What members see a window relative to: "origin" for its last value, in units of its changes;
            "global" for the center of the series in the fit, in units of its spread; "mixed" for both in
            turns; "auto" for that with one series and future covariates, else "origin".
        multivariate: Whether the series see each other; a forecaster then forecasts those of its fit.
        target: What kind of numbers the values are: "real", any; "nonnegative", none below 0, nor a forecast;
            "count", whole numbers from 0 on, and so are forecasts; "auto" forecasts nothing below 0 where the
            data hold no such value.
        conformal: How ``fit`` calibrates intervals: "split" or "adaptive", see ``calibrate``. The newest rows
            of each series are kept back from a first training and forecast by it; the weights that forecast
            come from a second training, on all rows, which doubles the time. None not to.
        learning_rate: Largest step size of the optimizer in training, from which it falls to 0; or "auto".
        jitter: Noise that training adds to the values that are looked back on, and not to those to forecast;
            its standard deviation is in units of the series' usual change.
        loss: What training minimizes: "quantile", the quantile loss; "huber", which counts small errors by
            their squares; "center", which counts quantiles near the median more.
        stretch: Spread of the random factors that training multiplies stretches of series by, around their
            first value: the standard deviation of the factors' logarithm.

    What was learned has names that end in an underscore, such as ``plan_``.

    Raises:
        ConfigError: If an argument is not allowed.

    Example:
        >>> import pandas as pd
        >>> days = pd.date_range("2024-01-01", periods=60)
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": days, "y": 10.0 + days.day_of_week})
        >>> forecaster = Forecaster(horizon=7, levels=[80], preset="fast", max_steps=4, ensemble=1)
        >>> forecast = forecaster.fit(frame).predict()
        >>> list(forecast.columns), len(forecast)
        (['unique_id', 'ds', 'TCN', 'TCN-lo-80', 'TCN-hi-80'], 7)
    """

    _fitted: Fitted

    def __init__(
        self,
        horizon: int,
        freq: Any = None,
        season_length: int | Sequence[int] | str = "auto",
        levels: Sequence[float] = (80, 95),
        seed: int = 0,
        lookback: int | str = "auto",
        architecture: str = "tcn",
        filters: int | str = "auto",
        kernel_size: int | str = "auto",
        dilations: Sequence[int] | str = "auto",
        head: str = "quantile",
        preset: str = "default",
        max_steps: int | str = "auto",
        time_budget: float | None = None,
        ensemble: int | str = "auto",
        alias: str = "TCN",
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
        covariates: Covariates | Mapping[str, Any] | None = None,
        transform: str | None = None,
        scaling: str = "auto",
        multivariate: bool = False,
        target: str = "auto",
        conformal: str | None = None,
        learning_rate: float | str = "auto",
        jitter: float = 0.0,
        loss: str = "quantile",
        stretch: float = 0.0,
    ) -> None:
        self.horizon = horizon
        self.freq = freq
        self.season_length = season_length
        self.levels = levels
        self.seed = seed
        self.lookback = lookback
        self.architecture = architecture
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilations = dilations
        self.head = head
        self.preset = preset
        self.max_steps = max_steps
        self.time_budget = time_budget
        self.ensemble = ensemble
        self.alias = alias
        self.id_col = id_col
        self.time_col = time_col
        self.target_col = target_col
        self.covariates = covariates
        self.transform = transform
        self.scaling = scaling
        self.multivariate = multivariate
        self.target = target
        self.conformal = conformal
        self.learning_rate = learning_rate
        self.jitter = jitter
        self.loss = loss
        self.stretch = stretch
        self._settings()

    @property
    def fitted_(self) -> Fitted:
        """All that the last fit learned, as one object that never changes."""
        return self._learned()

    @property
    def settings_(self) -> Settings:
        """What the last fit was asked for."""
        return self._learned().settings

    @property
    def panel_(self) -> Panel:
        """What is forecast from where no other data are given; of a fit from a store, a few series."""
        return self._learned().panel

    @property
    def plan_(self) -> Plan:
        """What the fit derived from the data."""
        return self._learned().plan

    @property
    def network_(self) -> Any:
        """The Keras model, or what ONNX Runtime makes of it."""
        return self._learned().network

    @property
    def history_(self) -> list[dict[str, float]]:
        """A record per epoch of training."""
        return self._learned().history

    @property
    def calibration_(self) -> dict[str, float]:
        """Factors that were found on the stretches of time that members were kept from learning.

        "shrink" multiplies the distance of a median from the last value, "widen" the width of intervals.
        """
        return self._learned().calibration

    @property
    def coverage_(self) -> pd.DataFrame:
        """How often intervals held before and after ``calibrate``, the latter on windows left out of it.

        A row for each level and step ahead, and one whose step is "all": ``level``, ``step``,
        ``coverage_before``, ``coverage_after``, ``width_before``, ``width_after``. What is after is NaN where
        no windows could be left out, as all of them overlap.
        """
        coverage = self._learned().coverage
        if coverage is None:
            raise NotFittedError("Coverage is known after a calibration; call calibrate(df) first.")
        return coverage.copy()

    @property
    def covariates_(self) -> CovariateState | None:
        """What was learned of the covariates; None if there are none."""
        return self._learned().covariates

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of the constructor, as scikit-learn asks.

        Args:
            deep: Accepted for scikit-learn; no argument is itself an estimator.

        Returns:
            Name to value.
        """
        del deep
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Forecaster:
        """Change arguments of the constructor; what was learned stays.

        Args:
            **params: Arguments of the constructor.

        Returns:
            The forecaster itself.

        Raises:
            ConfigError: If a name is unknown or a value not allowed; nothing is changed then.
        """
        known = self.get_params()
        for name in params:
            if name not in known:
                raise ConfigError(f"'{name}' is not a setting. Known: {', '.join(known)}.")
        Settings.of({**known, **params})
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        """Return the constructor call, arguments at their default left out."""
        defaults = {name: p.default for name, p in inspect.signature(type(self)).parameters.items()}
        changed = {
            name: value for name, value in self.get_params().items() if repr(value) != repr(defaults[name])
        }
        return f"Forecaster({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of a step of a pipeline; this one takes frames, and no target."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether something was learned, as scikit-learn asks."""
        return hasattr(self, "_fitted")

    def plan(self, df: Any, static: Any = None, initial: str | None = None) -> Plan:
        """Say what ``fit`` would do, without training.

        Args:
            df: Long frame, as for ``fit``.
            static: As for ``fit``.
            initial: As for ``fit``.

        Returns:
            Sizes, estimates of memory and time, and what is special about the data.

        Raises:
            PanelError: If the frame cannot be used.
            NotFittedError, ConfigError: As for ``fit``, of ``initial``.
        """
        settings, source = self._settings(), self._initial(initial)
        rows = read_rows(df, settings, settings.freq, static)
        return prepared(settings, rows, source).plan

    def fit(
        self,
        df: Any,
        static: Any = None,
        callbacks: Iterable[Callable[[dict[str, float]], None]] = (),
        initial: str | None = None,
    ) -> Forecaster:
        """Train on every origin of every series.

        Args:
            df: Long frame, a row per series and stamp: pandas, polars or pyarrow. It is not changed.
                Past and future covariates are columns of it. Each series is forecast after its last row, even
                if that row has covariates only. A ``PanelStore`` is learned from in bounded memory, without
                covariates; its rows are not kept to forecast from.
            static: Frame of the static covariates, a row per series, the id column among its columns. Those
                that are not there must be columns of ``df``, constant in each series.
            callbacks: Each is called with the record of every epoch: step, loss, learning_rate, seconds.
            initial: "bundle" to go on from the weights that this forecaster was loaded with, or has learned,
                with few and small steps; None to begin anew.

        Returns:
            This forecaster.

        Raises:
            NotFittedError: If there are no weights to go on from.
            PanelError: If the frame cannot be used.
            ConfigError: If the forecaster was loaded with ``runtime="onnx"``, or the weights to go on from
                are those of other settings, or a store cannot be learned from with such settings.
            ForecastingError: If training fails. What an earlier fit learned stays, then and when it is
                interrupted.
        """
        self._check_keras("fit")
        source = self._initial(initial)
        settings = self._settings()
        rows = read_rows(df, settings, settings.freq, static)
        calibrated = source
        if settings.conformal is not None and isinstance(rows, Panel) and source is None:
            calibrated = calibrated_apart(
                lambda panel: learn(settings, panel, callbacks),
                rows,
                settings.horizon,
                settings.conformal,
            )
        fitted = learn(settings, rows, callbacks, source)
        if calibrated is not None:
            fitted = with_calibration(fitted, calibrated)
        # At once, so that an interruption leaves all of the former state or all of the new one.
        self._fitted = replace(fitted, frames=FrameKind.of(df, settings.id_col, settings.time_col))
        return self

    def calibrate(
        self,
        df: Any,
        n_windows: int | None = None,
        step: int | None = None,
        method: str = "split",
        static: Any = None,
    ) -> Forecaster:
        """Make intervals hold what they say, by the errors on rows that the weights have not learned.

        Forecasts of all windows are made in one pass. Medians stay as they are to the bit; quantiles move, at
        each step ahead by themselves, to where errors show that they belong. ``coverage_`` says how much
        that helps on windows that were left out of the calibration.

        Args:
            df: Long frame, as for ``fit``, with rows after those of the fit.
            n_windows: Windows per series, the last of which ends with it; None for all whose values the
                weights have not learned.
            step: Rows from one window to the next; None for as few as memory allows.
            method: "split" for one calibration for all time; "adaptive" for one that also follows the recent
                errors of each series: those known at the origin of a forecast, on rows after the fit.
            static: As for ``fit``.

        Returns:
            This forecaster.

        Raises:
            NotFittedError: Before ``fit``.
            PanelError: If the frame cannot be used, or has no such rows.
            ConfigError: If an argument is not allowed, or the forecaster was loaded with ``runtime="onnx"``.

        Example:
            >>> import numpy as np, pandas as pd
            >>> days = pd.date_range("2024-01-01", periods=90)
            >>> y = 10.0 + days.day_of_week + np.random.default_rng(0).normal(size=90)
            >>> frame = pd.DataFrame({"unique_id": "A", "ds": days, "y": y})
            >>> forecaster = Forecaster(horizon=7, levels=[80], preset="fast", max_steps=4, ensemble=1)
            >>> forecaster.fit(frame[:60]).calibrate(frame).coverage_.columns.tolist()
            ['level', 'step', 'coverage_before', 'coverage_after', 'width_before', 'width_after']

        Reference:
            Lei et al. (2018), Distribution-Free Predictive Inference for Regression; Barber et al. (2023),
            Conformal Prediction Beyond Exchangeability.
        """
        fitted = self._learned()
        self._check_keras("calibrate")
        if method not in METHODS:
            raise ConfigError(f"method must be 'split' or 'adaptive'. Received: {method!r}.")
        self._fitted = recalibrated(fitted, fitted.read(df, static), method, n_windows, step)
        return self

    def calibrate_as(self, other: Forecaster) -> Forecaster:
        """Take the calibration of another forecaster.

        For weights that have learned all rows: one with the same settings, fitted to fewer of them, can be
        calibrated on the others.

        Args:
            other: A forecaster of the same horizon, after ``calibrate``.

        Returns:
            This forecaster.

        Raises:
            NotFittedError: Before ``fit`` of either, or if the other is not calibrated.
            ConfigError: If the horizons differ.
        """
        fitted, source = self._learned(), other._learned()
        if source.conformal is None:
            raise NotFittedError(
                "A calibration comes from a calibrated forecaster; call calibrate(df) first."
            )
        if source.plan.horizon != fitted.plan.horizon:
            raise ConfigError(
                "A calibration is one of each step ahead. Received: forecasters with horizon="
                f"{fitted.plan.horizon} and {source.plan.horizon}; calibrate one with the same horizon."
            )
        self._fitted = with_calibration(fitted, source)
        return self

    def update(self, df: Any, static: Any = None) -> Forecaster:
        """Take a new history, without training: what ``predict`` forecasts from, and ``save`` keeps.

        Args:
            df: Long frame, as for ``fit``; it takes the place of the former one.
            static: As for ``predict``.

        Returns:
            This forecaster.

        Raises:
            NotFittedError: Before ``fit``.
            PanelError: If the frame cannot be used.
        """
        fitted = self._learned()
        panel, asked = fitted.read(df, static), fitted.settings
        frames = FrameKind.of(df, asked.id_col, asked.time_col)
        self._fitted = replace(fitted, panel=panel, frames=frames, learned=fitted.ends, is_sample=False)
        return self

    def predict(
        self,
        df: Any = None,
        future: Any = None,
        static: Any = None,
        levels: Sequence[float] | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> Any:
        """Forecast the steps after each series' last row.

        Args:
            df: A new history to forecast from with the learned weights; None for the data of the fit. Series
                that the fit did not see are welcome.
            future: Frame of the future covariates, a row per series and step ahead; other rows do
                not matter.
            static: Frame of the static covariates; None for those in ``df``, or else those of the fit.
            levels: Interval levels in percent; None for those of the constructor.
            quantiles: Probabilities of further columns, such as 0.1 for ``TCN-q-0.1``.

        Returns:
            Columns id, time, ``TCN``, ``TCN-lo-80``, ``TCN-hi-80``, ...: a row per series and step. The
            frame is of the kind of ``df``: pandas, polars or pyarrow; pandas for a panel.

        Raises:
            NotFittedError: Before ``fit``.
            PanelError: If a frame cannot be used, or lacks values that the forecast needs.
            ConfigError: If a level or probability is not allowed, or there is a frame for covariates that the
                forecaster does not use.
        """
        fitted = self._learned()
        wanted, panel = fitted.columns(levels, quantiles), fitted.read(df, static)
        if (note := untold(panel)) is not None:
            warnings.warn(note, UserWarning, stacklevel=2)
        table = fitted.table(panel, fitted.read_future(panel, future))
        series, horizon = np.arange(panel.n_series), fitted.plan.horizon
        columns = fitted.forecast(table, series, panel.indptr[1:] - 1, wanted)
        frame = panel.key_frame(np.repeat(series, horizon), panel.future_stamps(horizon).ravel())
        for name, values in columns.items():
            frame[name] = values.ravel()
        return fitted.like(df, frame)

    def predict_parts(
        self,
        store: PanelStore,
        levels: Sequence[float] | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Forecast the steps after each series' last row, of a panel larger than memory.

        Args:
            store: The histories.
            levels: Interval levels in percent; None for those of the constructor.
            quantiles: As for ``predict``.

        Yields:
            What ``predict`` gives for each part of the store, sorted by series all together.

        Raises:
            NotFittedError: Before ``fit``.
            PanelError: If a part is damaged, or of another frequency than the fit.
            ConfigError: If a level or probability is not allowed.
        """
        self._learned().columns(levels, quantiles)
        for panel in store.parts():
            yield self.predict(panel, levels=levels, quantiles=quantiles)

    def sample_paths(
        self,
        n_paths: int = 200,
        df: Any = None,
        future: Any = None,
        static: Any = None,
        seed: int = 0,
    ) -> Any:
        """Draw futures of each series: for sums over the horizon, peaks, and other functions of its steps.

        At each step the paths have the quantiles of ``predict``. How the steps of one path go together is
        learned from errors that are honest: those of ``calibrate``, or else of members of the ensemble on
        what they were kept from learning; ``attrs["dependence"]`` of the frame says which. Paths of different
        series are drawn apart.

        Args:
            n_paths: Futures per series.
            df: As for ``predict``.
            future: As for ``predict``.
            static: As for ``predict``.
            seed: Fixes the paths of each id.

        Returns:
            Columns id, time, ``sample_id`` and ``TCN``: a row per series, path and step.

        Raises:
            NotFittedError: Before ``fit``.
            PanelError: As for ``predict``.
            ConfigError: As for ``predict``, and if a number is not a positive integer.

        Example:
            >>> import pandas as pd
            >>> days = pd.date_range("2024-01-01", periods=60)
            >>> frame = pd.DataFrame({"unique_id": "A", "ds": days, "y": 10.0 + days.day_of_week})
            >>> forecaster = Forecaster(horizon=7, preset="fast", max_steps=4, ensemble=1).fit(frame)
            >>> paths = forecaster.sample_paths(n_paths=100)
            >>> weeks = paths.groupby(["unique_id", "sample_id"])["TCN"].sum()
            >>> len(paths), len(weeks)
            (700, 100)

        Reference:
            Pinson et al. (2009), From Probabilistic Forecasts to Statistical Scenarios of Short-Term Wind
            Power Production.
        """
        for name, value, least in (("n_paths", n_paths, 1), ("seed", seed, 0)):
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ConfigError(f"{name} must be an integer from {least} on. Received: {value!r}.")
        fitted = self._learned()
        panel = fitted.read(df, static)
        table = fitted.table(panel, fitted.read_future(panel, future))
        return fitted.like(df, sample_frame(fitted, panel, table, int(n_paths), int(seed)))

    def backtest(
        self,
        df: Any = None,
        n_windows: int = 1,
        step: int | None = None,
        refit: bool | int = False,
        gap: int = 0,
        window: int | None = None,
        levels: Sequence[float] | None = None,
        static: Any = None,
        quantiles: Sequence[float] | None = None,
        certificate: bool = False,
        callbacks: Iterable[Callable[[dict[str, float]], None]] = (),
    ) -> Any:
        """Forecast from many past cutoffs what would have been forecast there.

        The last window of each series ends with its last row; a series too short for early windows is left
        out of those. Future covariates are those of ``df`` itself, as far as they were known at each cutoff.
        Without ``refit`` all windows are forecast in one pass with the weights as they are, and a warning
        says if they have learned from rows that are forecast. With it every forecast comes from a network
        that was trained on rows up to its cutoff alone. The forecaster itself stays as it is.

        Args:
            df: The history to test on; None for the data of the fit.
            n_windows: Windows per series.
            step: Rows from one cutoff to the next; None for the horizon.
            refit: Whether to train anew, with the same settings and seed, before every window; an integer
                trains before every so many windows. A forecaster need not have been fitted then.
            gap: Rows that data arrive late by: so many steps after each cutoff are not in the result.
            window: With ``refit``, rows of each series to learn from, its last ones; None for all.
            levels: Interval levels in percent; None for those of the constructor.
            static: As for ``predict``.
            quantiles: As for ``predict``.
            certificate: Whether to replace, cutoff by cutoff, all that is not known there, and to see that no
                forecast at or before it moves by a bit; ``attrs["certificate"]`` of the result says what was
                tried, see ``pipelines.backtesting.Certificate``.
            callbacks: With ``refit``, each is called with the record of every epoch of every training, and in
                it ``training``, its number, and ``trainings``, how many there are.

        Returns:
            Columns id, time, ``cutoff`` (last stamp known), target, ``TCN``, ``TCN-lo-80``, ...; the frame
            is of the kind of ``df``.

        Raises:
            NotFittedError: Before ``fit``, without ``refit`` or data.
            ConfigError: If a number is not allowed, no series is longer than the horizon, or the forecaster
                was loaded with ``runtime="onnx"``.
            PanelError: If the frame cannot be used, or rows up to a cutoff cannot be learned from.
            ForecastingError: If a certificate is asked for and a forecast moves.
        """
        self._check_keras("backtest")
        asked = Asked(levels, quantiles)
        if not refit or df is None or hasattr(self, "_fitted"):
            fitted = self._learned()
            settings, panel = fitted.settings, fitted.read(df, static)
        else:
            settings = self._settings()
            panel = read_panel(df, settings, settings.freq, static)
        windows = Windows.of(settings.horizon, n_windows, step, refit, gap, window)
        if not windows.refit:
            return fitted.like(df, backtest_fitted(fitted, panel, windows, asked, certificate))

        def fit(rows: Panel, report: Callable[[dict[str, float]], None]) -> Fitted:
            return type(self)(**dict(settings)).fit(rows, callbacks=(report,))._learned()

        frame = backtest_refitted(fit, settings, panel, windows, asked, certificate, callbacks)
        kind = fitted.frames if df is None else FrameKind.of(df, settings.id_col, settings.time_col)
        return kind.give(frame)

    def fitted_values(
        self,
        df: Any = None,
        levels: Sequence[float] | None = None,
        static: Any = None,
        quantiles: Sequence[float] | None = None,
    ) -> Any:
        """Forecast every row one step ahead, from the rows before it, in one pass.

        Rows that the fit has seen are forecast better than others: the network has learned them. Their errors
        are what reconciliation of hierarchies weighs series by.

        Args:
            df: The rows; None for the data of the fit.
            levels: Interval levels in percent; None for those of the constructor.
            static: As for ``predict``.
            quantiles: As for ``predict``.

        Returns:
            Columns id, time, target, ``TCN``, ``TCN-lo-80``, ...: all rows but the first of each series, in
            a frame of the kind of ``df``.

        Raises:
            NotFittedError: Before ``fit``.
            PanelError: If the frame cannot be used, or no series has two rows.
            ConfigError: If the forecaster was loaded with ``runtime="onnx"``.
        """
        self._check_keras("compute fitted values")
        fitted = self._learned()
        wanted, panel = fitted.columns(levels, quantiles), fitted.read(df, static)
        return fitted.like(df, fitted_frame(fitted, panel, wanted))

    def save(self, path: str | Path, onnx: bool | None = None) -> None:
        """Write a bundle: settings, plan, weights and the data of the fit, each with a checksum; no pickle.

        Args:
            path: Directory to create, or a bundle to replace.
            onnx: Whether to write the network for ONNX Runtime too, which takes some seconds; None to do so
                where the packages for it are installed, and to warn where they are not.

        Raises:
            NotFittedError: Before ``fit``.
            BundleError: If the path holds something else, or the ids are not of one plain type.
            ConfigError: If ONNX is asked for and its packages are not installed, or the forecaster was loaded
                with ``runtime="onnx"``.
        """
        fitted = self._learned()
        self._check_keras("save")
        write_fitted(Path(path), fitted, onnx)

    @classmethod
    def load(cls, path: str | Path, runtime: str = "keras") -> Forecaster:
        """Read a bundle written by ``save``; checksums are verified before anything is parsed.

        Args:
            path: Directory of the bundle.
            runtime: "keras", or "onnx" for one that predicts only, with neither TensorFlow nor Keras.

        Returns:
            A fitted forecaster whose forecasts equal those of the one that was saved; with ONNX Runtime, to
            1e-4 of their size.

        Raises:
            BundleError: If it is damaged, changed, not a bundle, or without what the runtime needs; and if
                ONNX Runtime makes other forecasts of the network than Keras made when it was saved.
            ConfigError: If there is no such runtime, or ONNX Runtime is not installed.
        """
        params, fitted = read_fitted(Path(path), runtime)
        loaded = cls(**params)
        loaded._fitted = fitted
        return loaded

    def _settings(self) -> Settings:
        return Settings.of(self.get_params())

    def _initial(self, initial: str | None) -> Fitted | None:
        """What a fit goes on from; None if it begins anew."""
        if initial is not None and initial not in INITIAL:
            raise ConfigError(f"initial must be 'bundle' or None. Received: {initial!r}.")
        return None if initial is None else self._learned()

    def _learned(self) -> Fitted:
        if not hasattr(self, "_fitted"):
            raise NotFittedError("A forecaster must be fitted first; call fit(df).")
        return self._fitted

    def _check_keras(self, wanted: str) -> None:
        if hasattr(self, "_fitted") and isinstance(self._fitted.network, OnnxNetwork):
            raise ConfigError(
                f"A forecaster must have been loaded with Keras to {wanted}. Received: one loaded with "
                "runtime='onnx', which predicts only; use Forecaster.load(path)."
            )
