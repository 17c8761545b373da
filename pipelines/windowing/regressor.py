"""Any regressor of scikit-learn as a forecaster: what a network has to beat."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.validation import check_is_fitted

from pipelines.backtest import at_probability, backtest_frame, column_probabilities
from pipelines.backtesting import Origins, Windows, learned_targets
from pipelines.config import Settings, checked_levels, checked_quantiles
from pipelines.covariates import Covariates
from pipelines.errors import ConfigError, PanelError
from pipelines.frames import FrameKind
from pipelines.panel import Panel
from pipelines.reading import not_asked_for, read_panel, with_known_static
from pipelines.windowing.features import WindowFeatures, is_relative, scale_of_targets
from pipelines.windowing.origins import drawn_of, origins_of, targets_of
from pipelines.windowing.quantiles import has_quantiles, regressors_of
from pipelines.windows import SeriesTable
from pipelines.wording import counted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEVELS: Final = (80.0, 95.0)
# Forecasts whose features are computed at a time.
_BLOCK: Final = 2**18


class RegressorForecaster(BaseEstimator):  # type: ignore[misc]
    """Forecasts of many series by a regressor, from the origins that a network is trained on.

    One regressor for all series and steps ahead, and for each quantile, learns from pairs of an origin and a
    step ahead: lags, rolling statistics, values of the same place in earlier seasons, calendar, covariates.
    Its frames are those of ``Forecaster``, for ``evaluate`` and ``leaderboard``.

    Args:
        horizon: Steps ahead to forecast.
        regressor: Any regressor, or pipeline that ends in one; None for gradient boosting of histograms.
        freq: Step between stamps; None to infer it.
        season_length: Steps in a season, or in each of several, or "auto".
        levels: Levels of the central prediction intervals, in percent; None for 80 and 95 where the regressor
            has a quantile loss, that is an argument ``quantile``, and for none where it has not.
        seed: Fixes which pairs are drawn, and the random state of the regressor if that is not set.
        lookback: Steps that a forecast looks back, or "auto" for what a network would.
        covariates: What else is known, and from when on; the calendar is known in any case.
        scaling: "origin" for values relative to the last one, in units of the usual change of the series so
            far; None for values as they are.
        max_rows: Pairs to learn from; of more, so many are drawn.
        alias: Name of the forecast's columns.
        id_col: Column of the series' ids.
        time_col: Column of the stamps.
        target_col: Column of the values.

    Example:
        >>> import pandas as pd
        >>> from sklearn.linear_model import Ridge
        >>> days = pd.date_range("2024-01-01", periods=60)
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": days, "y": 10.0 + days.day_of_week})
        >>> forecaster = RegressorForecaster(horizon=7, regressor=Ridge(), alias="Ridge").fit(frame)
        >>> forecaster.predict()["Ridge"].round(1).tolist()
        [14.0, 15.0, 16.0, 10.0, 11.0, 12.0, 13.0]
    """

    def __init__(
        self,
        horizon: int,
        regressor: Any = None,
        freq: Any = None,
        season_length: int | Sequence[int] | str = "auto",
        levels: Sequence[float] | None = None,
        seed: int = 0,
        lookback: int | str = "auto",
        covariates: Covariates | Mapping[str, Any] | None = None,
        scaling: str | None = "origin",
        max_rows: int = 200_000,
        alias: str = "Regressor",
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
    ) -> None:
        self.horizon = horizon
        self.regressor = regressor
        self.freq = freq
        self.season_length = season_length
        self.levels = levels
        self.seed = seed
        self.lookback = lookback
        self.covariates = covariates
        self.scaling = scaling
        self.max_rows = max_rows
        self.alias = alias
        self.id_col = id_col
        self.time_col = time_col
        self.target_col = target_col

    def fit(self, df: Any, static: Any = None) -> RegressorForecaster:
        """Learn from pairs of an origin and a step ahead.

        Args:
            df: Long frame or panel, as for ``Forecaster.fit``.
            static: Frame of the static covariates, a row per series, if they are no columns of ``df``.

        Returns:
            This forecaster.

        Raises:
            PanelError: If the frame cannot be used, or there is nothing in it to learn from.
            ConfigError: If an argument is not allowed.
        """
        settings, regressor = self._settings(), self._regressor()
        panel = read_panel(df, settings, settings.freq, static)
        features = WindowFeatures.fit(settings, panel, is_relative(self.scaling))
        table = features.table(panel)
        series, rows, steps = self._pairs(table, panel)
        if not len(rows):
            raise PanelError(
                "A regressor must have values to learn from: known ones, in series that have changed before. "
                f"Received: none in {counted(panel.n_rows, 'row')}; fit it to series that change."
            )
        level, unit = scale_of_targets(table, series, rows, features.is_relative)
        targets = (targets_of(panel, series, rows, steps) - level) / np.where(unit > 0, unit, 1.0)
        shown = _shown(features, table, series, rows, steps)
        levels = (
            _LEVELS if self.levels is None and has_quantiles(regressor) else checked_levels(self.levels or ())
        )
        wanted = sorted({*column_probabilities("", levels).values()})
        self.regressors_ = {
            probability: clone(each).fit(shown, targets)
            for probability, each in regressors_of(regressor, wanted, self.seed).items()
        }
        self.levels_, self.panel_, self.features_ = levels, panel, features
        self.is_nonnegative_ = table.nonnegative
        self.frames_ = FrameKind.of(df, self.id_col, self.time_col)
        return self

    def predict(
        self,
        df: Any = None,
        future: Any = None,
        static: Any = None,
        levels: Sequence[float] | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> Any:
        """Forecast the steps after each series' last row; see ``Forecaster.predict``.

        Args:
            df: A new history; None for the data of the fit.
            future: Frame of the future covariates.
            static: Frame of the static covariates; None for those in ``df``, or else those of the fit.
            levels: Interval levels in percent; None for those of the fit.
            quantiles: Probabilities of further columns.

        Returns:
            Columns id, time, ``Regressor``, ``Regressor-lo-80``, ...: a row per series and step.

        Raises:
            PanelError: If the frame cannot be used.
        """
        check_is_fitted(self)
        wanted, panel = self._columns(levels, quantiles), self._read(df, static)
        state = self.features_.state
        if future is not None and not state.covariates.future:
            raise not_asked_for("future")
        table = self.features_.table(panel, state.read_future(panel, future))
        series = np.arange(panel.n_series)
        columns = self._forecast(table, series, panel.indptr[1:, None] - 1, wanted)
        frame = panel.key_frame(np.repeat(series, self.horizon), panel.future_stamps(self.horizon).ravel())
        for name, values in columns.items():
            frame[name] = values.ravel()
        return self._like(df, frame)

    def backtest(
        self,
        df: Any = None,
        n_windows: int = 1,
        step: int | None = None,
        levels: Sequence[float] | None = None,
        static: Any = None,
        quantiles: Sequence[float] | None = None,
    ) -> Any:
        """Forecast from many past cutoffs what would have been forecast there; see ``Forecaster.backtest``.

        It is worth something on rows after those of the fit.

        Args:
            df: The history to test on; None for the data of the fit.
            n_windows: Windows per series.
            step: Rows from one cutoff to the next; None for the horizon.
            levels: Interval levels in percent; None for those of the fit.
            static: As for ``predict``.
            quantiles: As for ``predict``.

        Returns:
            Columns id, time, ``cutoff``, target, ``Regressor``, ``Regressor-lo-80``, ...
        """
        check_is_fitted(self)
        wanted, panel = self._columns(levels, quantiles), self._read(df, static)
        windows = Windows.of(self.horizon, n_windows, step)
        origins = Origins.of(panel, windows)
        if seen := learned_targets(self.panel_, panel, origins, windows):
            warnings.warn(
                f"the fit has learned from {counted(seen, 'value')} of this backtest, so that its scores "
                "flatter the forecaster; fit on the rows before the first cutoff",
                UserWarning,
                stacklevel=2,
            )
        newest = origins.rows[:, -1]
        self.features_.state.check_targets(panel, origins.series, newest)
        columns = self._forecast(self.features_.table(panel), origins.series, origins.rows, wanted)
        return self._like(df, backtest_frame(panel, origins.series, newest, windows.step, columns))

    def _settings(self) -> Settings:
        apart = ("regressor", "scaling", "max_rows", "levels")
        settings = Settings.of(
            {n: value for n, value in self.get_params(deep=False).items() if n not in apart}
        )
        if not isinstance(self.max_rows, (int, np.integer)) or self.max_rows < 1:
            raise ConfigError(f"max_rows must be a positive integer. Received: {self.max_rows!r}.")
        return settings

    def _regressor(self) -> Any:
        if self.regressor is None:
            return HistGradientBoostingRegressor()
        if isinstance(self.regressor, type) or not hasattr(self.regressor, "predict"):
            raise ConfigError(
                f"regressor must be one of scikit-learn, not fitted. Received: {self.regressor!r}; pass an "
                "object such as Ridge()."
            )
        return self.regressor

    def _pairs(self, table: SeriesTable, panel: Panel) -> tuple[Ints, Ints, Ints]:
        """Series, rows and steps ahead of what is learned from: targets that were observed."""
        series, rows = origins_of(table)
        count = len(rows) * self.horizon
        pairs = drawn_of(count, self.max_rows, self.seed) if count > self.max_rows else np.arange(count)
        origin, step = np.divmod(pairs, self.horizon)
        known = np.isfinite(targets_of(panel, series[origin], rows[origin], step + 1))
        return series[origin[known]], rows[origin[known]], step[known] + 1

    def _columns(self, levels: Sequence[float] | None, quantiles: Sequence[float] | None) -> dict[str, float]:
        """Columns that are asked for, and the probability that each is a quantile of."""
        wanted = self.levels_ if levels is None else checked_levels(levels)
        if (wanted or quantiles) and len(self.regressors_) == 1:
            raise ConfigError(
                "Intervals must come from a regressor that was fitted to several quantiles. Received: "
                f"levels={wanted}, quantiles={quantiles} with {self.regressor!r} and levels={self.levels!r}; "
                "take one with a quantile loss, and name levels before the fit."
            )
        return column_probabilities(self.alias, wanted, checked_quantiles(quantiles or ()))

    def _read(self, df: Any, static: Any) -> Panel:
        """The history to forecast from, of the frequency of the fit."""
        settings = self._settings()
        panel = read_panel(self.panel_ if df is None else df, settings, self.panel_.freq.text, static)
        asked = settings.covariates
        if asked is not None and len(panel.static) < len(asked.static):
            panel = with_known_static(panel, self.panel_, asked)
        return panel

    def _forecast(
        self, table: SeriesTable, series: Ints, origins: Ints, wanted: Mapping[str, float]
    ) -> dict[str, Floats]:
        """Forecasts ``(runs, windows, horizon)`` by name, from ``(runs, windows)`` rows of origins.

        Rows before a series begins are no origins, and what is computed for them is never read.
        """
        shape = (*origins.shape, self.horizon)
        owners = np.broadcast_to(series[:, None], origins.shape).ravel()
        rows = np.maximum(origins.ravel(), table.indptr[owners])
        quantiles = np.empty((len(rows), self.horizon, len(self.regressors_)))
        steps = np.arange(1, self.horizon + 1)
        block = max(1, _BLOCK // self.horizon)
        for begin in range(0, len(rows), block):
            some = slice(begin, begin + block)
            owner, row = (np.repeat(each[some], self.horizon) for each in (owners, rows))
            quantiles[some] = self._quantiles(table, owner, row, np.tile(steps, len(rows[some])))
        quantiles = quantiles.reshape(*shape, -1)
        known = [*self.regressors_]
        return {name: at_probability(quantiles, known, probability) for name, probability in wanted.items()}

    def _quantiles(self, table: SeriesTable, series: Ints, rows: Ints, steps: Ints) -> Floats:
        """Quantiles ``(origins, horizon, quantiles)`` for pairs ``(origins * horizon,)``."""
        shown = _shown(self.features_, table, series, rows, steps)
        level, unit = scale_of_targets(table, series, rows, self.features_.is_relative)
        found = np.stack([regressor.predict(shown) for regressor in self.regressors_.values()], axis=-1)
        values: Floats = level[:, None] + unit[:, None] * np.sort(found, axis=-1)
        if self.is_nonnegative_:
            values = np.where(rows[:, None] < table.negative[series, None], np.maximum(values, 0.0), values)
        return values.reshape(-1, self.horizon, len(self.regressors_))

    def _like(self, df: Any, frame: Any) -> Any:
        kind = self.frames_ if df is None else FrameKind.of(df, self.id_col, self.time_col)
        return kind.give(frame)


def _shown(features: WindowFeatures, table: SeriesTable, series: Ints, rows: Ints, steps: Ints) -> Floats:
    """What a regressor is shown of pairs of an origin and a step ahead."""
    distinct, place = np.unique(rows, return_inverse=True)
    owner = np.searchsorted(table.indptr, distinct, side="right") - 1
    of_origins = features.of_origins(table, owner, distinct)[place]
    return np.column_stack([of_origins, steps, features.of_steps(table, series, rows, steps)])
