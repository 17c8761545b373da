"""What a regressor is shown of a series at an origin, and of a step after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.config import Settings
from pipelines.covariates import Covariates
from pipelines.errors import ConfigError
from pipelines.panel import CovariateColumn, Panel
from pipelines.plan import make_plan, seasons_of
from pipelines.transforms import series_table
from pipelines.windows import CovariateState, CovariateTable, SeriesTable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Newest values that are features by themselves: a season of them, within these bounds.
_FEWEST_LAGS: Final = 8
_MOST_LAGS: Final = 32
# Seasons back to which the value at the same place of a season is a feature.
_SEASONS_BACK: Final = 3
_STATISTICS: Final = ("mean", "std", "min", "max")
# Numbers that the windows of one block of origins may take.
_BLOCK: Final = 2**22


@dataclass(frozen=True)
class WindowFeatures:
    """What a fit learned of how to describe origins and steps; the same rules for any other panel.

    Nothing after an origin moves its features. Before the first row of a series its first value stands; where
    a value was not observed, the last one of the same place in a season.

    Attributes:
        lookback: Steps that are looked back on.
        horizon: Steps ahead.
        seasons: Steps in each season, the main one first.
        is_relative: Whether values are relative to the last one, in units of the usual change so far.
        state: What was learned of the covariates, the calendar among them.
    """

    lookback: int
    horizon: int
    seasons: tuple[int, ...]
    is_relative: bool
    state: CovariateState

    @classmethod
    def fit(cls, settings: Settings, panel: Panel, is_relative: bool) -> WindowFeatures:
        """Learn from the rows of a fit.

        Args:
            settings: What is asked for.
            panel: The rows.
            is_relative: See the attribute.

        Returns:
            What was learned; look-back and seasons are those that a network would have.
        """
        seasons = seasons_of(settings, panel)
        plan = make_plan(settings, panel, series_table(panel, seasons))
        given = {} if settings.covariates is None else settings.covariates.to_dict()
        asked = Covariates(**{**given, "calendar": "auto"})
        state = CovariateState.fit(asked, panel, settings.horizon, seasons[0])
        return cls(plan.lookback, settings.horizon, seasons, is_relative, state)

    def table(self, panel: Panel, future: tuple[CovariateColumn, ...] = ()) -> SeriesTable:
        """Return a panel as its features are computed from."""
        table = series_table(panel, self.seasons)
        return replace(table, covariates=self.state.table(panel, future))

    @property
    def origin_names(self) -> list[str]:
        """Names of the features of an origin."""
        return [
            *(f"lag {lag}" for lag in range(self._lags)),
            *(f"{statistic} of {rows}" for rows in self._spans for statistic in _STATISTICS),
            "rows known",
            *(f"past {name}" for name in self.state.past_names),
            *(f"static {name}" for name in self.state.static_names),
        ]

    @property
    def step_names(self) -> list[str]:
        """Names of the features of a step ahead."""
        return [
            *(
                f"{back} of season {season}"
                for season in self._cycles
                for back in range(1, _SEASONS_BACK + 1)
            ),
            *(f"ahead {name}" for name in self.state.ahead_names),
        ]

    def of_origins(self, table: SeriesTable, series: Ints, rows: Ints) -> Floats:
        """Compute the features of origins.

        Args:
            table: The series, as ``table`` gives them.
            series: ``(origins,)`` positions of series.
            rows: ``(origins,)`` rows of the origins.

        Returns:
            ``(origins, features)``, in the order of ``origin_names``.
        """
        covariates = _covariates(table)
        features = np.empty((len(rows), len(self.origin_names)))
        for some in _blocks(len(rows), self.lookback):
            windows = self._values(table, series[some], rows[some], np.arange(self.lookback))
            known = np.minimum(rows[some] - table.indptr[series[some]] + 1, self.lookback)
            statistics = [
                getattr(np, statistic)(windows[:, :span], axis=1)
                for span in self._spans
                for statistic in _STATISTICS
            ]
            beside = (covariates.past[rows[some]], covariates.static[series[some]])
            features[some] = np.column_stack([windows[:, : self._lags], *statistics, known, *beside])
        return features

    def of_steps(self, table: SeriesTable, series: Ints, rows: Ints, steps: Ints) -> Floats:
        """Compute the features of steps ahead, each of one origin.

        Args:
            table: The series, as ``table`` gives them.
            series: ``(pairs,)`` positions of series.
            rows: ``(pairs,)`` rows of the origins.
            steps: ``(pairs,)`` steps ahead, from 1 to the horizon.

        Returns:
            ``(pairs, features)``, in the order of ``step_names``.
        """
        covariates = _covariates(table)
        back = np.arange(_SEASONS_BACK)
        seasonal = [
            # The newest value of the same place in the season, and those of the seasons before it.
            self._values(table, series, rows, (-steps % season)[:, None] + season * back)
            for season in self._cycles
        ]
        # Where rows are laid out, the steps after each series follow its rows.
        ahead = covariates.ahead[rows + steps + series * self.horizon]
        return np.column_stack([*seasonal, np.where(covariates.unknown[steps - 1], 0.0, ahead)])

    def _values(self, table: SeriesTable, series: Ints, rows: Ints, back: Ints) -> Floats:
        """Values so many rows back, ``(origins, ...)``, within the look-back and the series."""
        back = np.minimum(back, self.lookback - 1)
        first = table.indptr[series][:, None]
        values: Floats = table.values[np.maximum(rows[:, None] - back, first)].astype(np.float64)
        if self.is_relative:
            unit = table.change[rows].astype(np.float64)
            shown: Floats = (values - table.values[rows][:, None]) / np.where(unit > 0, unit, 1.0)[:, None]
        else:
            shown = table.base[series][:, None] + table.unit[series][:, None] * values
        return shown

    @property
    def _lags(self) -> int:
        return min(self.lookback, max(_FEWEST_LAGS, min(self.seasons[0], _MOST_LAGS)))

    @property
    def _spans(self) -> list[int]:
        """Rows of the windows that statistics are taken of."""
        wished = {*self.seasons, 4 * self.seasons[0], self.lookback}
        return sorted(span for span in wished if 1 < span <= self.lookback)

    @property
    def _cycles(self) -> list[int]:
        return [season for season in self.seasons if season > 1]


def is_relative(scaling: Any) -> bool:
    """Whether values are shown relative to the last one.

    Args:
        scaling: "origin", or None.

    Raises:
        ConfigError: If it is something else.
    """
    if scaling not in ("origin", None):
        raise ConfigError(f"scaling must be 'origin' or None. Received: {scaling!r}.")
    return scaling is not None


def scale_of_targets(
    table: SeriesTable, series: Ints, rows: Ints, is_relative: bool
) -> tuple[Floats, Floats]:
    """What regressors see targets relative to, and in units of.

    Args:
        table: The series.
        series: ``(origins,)`` positions of series.
        rows: ``(origins,)`` rows of the origins.
        is_relative: Whether they see them relative to anything.

    Returns:
        Level and unit of each origin; the unit is 0 where a series has not moved so far.
    """
    if not is_relative:
        return np.zeros(len(rows)), np.ones(len(rows))
    level = table.base[series] + table.unit[series] * table.values[rows]
    return level, table.unit[series] * table.change[rows]


def _covariates(table: SeriesTable) -> CovariateTable:
    if table.covariates is None:
        raise TypeError("A table must be one that WindowFeatures.table gave.")
    return table.covariates


def _blocks(count: int, size: int) -> Iterator[slice]:
    """Parts of so many windows of a size, none of them large."""
    step = max(1, _BLOCK // size)
    return (slice(begin, begin + step) for begin in range(0, count, step))
