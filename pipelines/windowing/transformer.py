"""Windows of a long frame as the features of a scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.config import Settings
from pipelines.covariates import Covariates
from pipelines.errors import PanelError
from pipelines.panel import Panel
from pipelines.plan import seasons_of
from pipelines.reading import read_panel
from pipelines.transforms import series_table
from pipelines.windowing.features import WindowFeatures, is_relative, scale_of_targets
from pipelines.windowing.origins import drawn_of, located, origins_of, targets_of

Floats = npt.NDArray[np.float64]


class WindowTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """From origins to what is known there: lags, rolling statistics, seasons, calendar, covariates.

    A row in is an origin, and a row out its features: those of the origin, then those of each step ahead.
    They are computed from the rows of ``history`` up to the origin, and of what is known ahead of it, so that
    origins may be split, shuffled and left out in any way without a look at their future.

    Args:
        horizon: Steps ahead to forecast.
        lookback: Steps that are looked back on; "auto" for what a network would.
        history: Panel, or long frame, that holds the rows; None if the frames to transform are themselves
            the history.
        season_length: Steps in a season, or in each of several, or "auto".
        covariates: What else is known, and from when on; the calendar is known in any case.
        scaling: "origin" for values relative to the last one, in units of the usual change of the series so
            far; None for values as they are.
        freq: Step between stamps; None to infer it.
        id_col: Column of the series' ids.
        time_col: Column of the stamps.
        target_col: Column of the values.

    Example:
        >>> from sklearn.linear_model import Ridge
        >>> from sklearn.pipeline import make_pipeline
        >>> days = pd.date_range("2024-01-01", periods=60)
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": days, "y": 10.0 + days.day_of_week})
        >>> windows = WindowTransformer(horizon=2, lookback=14, history=frame)
        >>> origins = windows.origins()
        >>> model = make_pipeline(windows, Ridge()).fit(origins, windows.targets(origins))
        >>> model.predict(origins.tail(1)).shape
        (1, 2)
    """

    def __init__(
        self,
        horizon: int,
        lookback: int | str = "auto",
        history: Any = None,
        season_length: int | Sequence[int] | str = "auto",
        covariates: Covariates | Mapping[str, Any] | None = None,
        scaling: str | None = "origin",
        freq: Any = None,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
    ) -> None:
        self.horizon = horizon
        self.lookback = lookback
        self.history = history
        self.season_length = season_length
        self.covariates = covariates
        self.scaling = scaling
        self.freq = freq
        self.id_col = id_col
        self.time_col = time_col
        self.target_col = target_col

    def fit(self, X: Any, y: Any = None) -> WindowTransformer:
        """Learn season, look-back and the scales of covariates from the rows up to the newest origin.

        Args:
            X: Frame of origins: id and time columns.
            y: Not looked at.

        Returns:
            This transformer.

        Raises:
            ConfigError: If an argument is not allowed.
            PanelError: If the history cannot be used, or lacks an origin.
        """
        settings, panel = self._settings(), self._panel(X)
        _, rows = located(panel, X)
        newest = panel.all_stamps()[rows].max()
        self.features_ = WindowFeatures.fit(settings, panel.until(newest), is_relative(self.scaling))
        self.n_features_in_ = 2
        return self

    def transform(self, X: Any) -> Floats:
        """Describe origins.

        Args:
            X: Frame of origins, in any order; see ``fit``.

        Returns:
            ``(origins, features)``. What is not known ahead, as it lies after the history, is 0.

        Raises:
            PanelError: If the history cannot be used, or lacks an origin.
        """
        check_is_fitted(self)
        features, panel = self.features_, self._panel(X)
        series, rows = located(panel, X)
        table = features.table(panel)
        parts = [features.of_origins(table, series, rows)]
        for step in range(1, self.horizon + 1):
            parts.append(features.of_steps(table, series, rows, np.full(len(rows), step)))
        return np.concatenate(parts, axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the features.

        Args:
            input_features: Not looked at.

        Returns:
            ``(features,)`` such as "lag 0" or "1 of season 7, step 3".
        """
        check_is_fitted(self)
        of_steps = (
            f"{name}, step {step}"
            for step in range(1, self.horizon + 1)
            for name in self.features_.step_names
        )
        return np.array([*self.features_.origin_names, *of_steps], object)

    def origins(self, X: Any = None, at_most: int | None = None, seed: int = 0) -> pd.DataFrame:
        """Return the origins that networks are trained on, as far as all their targets are known.

        Args:
            X: The history, if it is not that of the constructor.
            at_most: Of more origins, so many are drawn: features take memory for each. None for all.
            seed: Fixes what is drawn.

        Returns:
            Id and time columns, sorted.
        """
        panel = self._panel(X)
        series, rows = origins_of(series_table(panel, seasons_of(self._settings(), panel)))
        known = np.ones(len(rows), bool)
        for step in range(1, self.horizon + 1):
            known &= np.isfinite(targets_of(panel, series, rows, np.array(step)))
        series, rows = series[known], rows[known]
        if at_most is not None and len(rows) > at_most:
            drawn = drawn_of(len(rows), at_most, seed)
            series, rows = series[drawn], rows[drawn]
        stamps = panel.freq.advance(panel.starts[series], rows - panel.indptr[series])
        return panel.key_frame(series, stamps)

    def targets(self, X: Any) -> Floats:
        """Return what is to be forecast, on the scale of the features.

        Args:
            X: Frame of origins.

        Returns:
            ``(origins, horizon)``; NaN where nothing is known.
        """
        panel = self._panel(X)
        series, rows = located(panel, X)
        level, unit = self._levels(panel, series, rows)
        values = targets_of(panel, series[:, None], rows[:, None], np.arange(1, self.horizon + 1))
        return (values - level) / np.where(unit > 0, unit, 1.0)

    def restore(self, X: Any, forecasts: Any) -> Floats:
        """Bring forecasts of ``targets`` to the units of the data.

        Args:
            X: Frame of origins.
            forecasts: ``(origins, horizon)`` what a regressor predicted for them; ``(origins,)`` too, where
                the horizon is one step.

        Returns:
            ``(origins, horizon)``.

        Raises:
            PanelError: If there is not one row of forecasts for each origin.
        """
        panel = self._panel(X)
        level, unit = self._levels(panel, *located(panel, X))
        shape, given = (len(level), self.horizon), np.asarray(forecasts)
        if given.shape != shape and not (self.horizon == 1 and given.shape == shape[:1]):
            raise PanelError(
                f"Forecasts must be of shape {shape}, a row for each origin. Received: {given.shape}; pass "
                "the origins that they were predicted for."
            )
        restored: Floats = level + unit * given.reshape(shape)
        return restored

    def _levels(self, panel: Panel, series: Any, rows: Any) -> tuple[Floats, Floats]:
        table = series_table(panel, seasons_of(self._settings(), panel))
        level, unit = scale_of_targets(table, series, rows, is_relative(self.scaling))
        return level[:, None], unit[:, None]

    def _settings(self) -> Settings:
        apart = ("history", "scaling")
        return Settings.of({name: value for name, value in self.get_params().items() if name not in apart})

    def _panel(self, X: Any) -> Panel:
        return read_panel(X if self.history is None else self.history, self._settings(), self.freq)
