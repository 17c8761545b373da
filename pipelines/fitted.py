"""What a fit has learned, and forecasts with it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.backtest import at_probability, column_probabilities
from pipelines.config import Settings, checked_levels, checked_quantiles
from pipelines.frames import PANDAS, FrameKind
from pipelines.panel import CovariateColumn, Panel
from pipelines.plan import Plan, check_size
from pipelines.reading import not_asked_for, read_panel, with_known_static
from pipelines.runtime import OnnxNetwork, gather
from pipelines.windows import CovariateState, SeriesTable

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Series whose forecasts show that a network is the one that was saved.
_GOLDEN_SERIES: Final = 3
# Numbers that the quantiles of one block of series may take.
_BLOCK: Final = 2**24


@dataclass(frozen=True)
class Fitted:
    """What a fit has learned; nothing of it changes when it forecasts.

    Attributes:
        settings: What was asked for.
        panel: The data to forecast from where no others are given.
        plan: What the fit derived from the data.
        network: The Keras model, or what ONNX Runtime makes of it.
        history: A record per epoch of training.
        calibration: What was found on the stretches of time that members were kept from learning.
        nonnegative: Whether no value of the fit was below 0.
        covariates: What was learned of the covariates; None if there are none.
        frames: Kind of the frame that the panel was read from; a loaded bundle has pandas.
    """

    settings: Settings
    panel: Panel
    plan: Plan
    network: Any
    history: list[dict[str, float]]
    calibration: dict[str, float]
    nonnegative: bool
    covariates: CovariateState | None
    frames: FrameKind = PANDAS

    def __deepcopy__(self, memo: dict[int, Any]) -> Fitted:
        """Return itself: nothing of it changes."""
        return self

    def like(self, df: Any, frame: pd.DataFrame) -> Any:
        """Return what was computed as a frame of the kind that it was computed from.

        Args:
            df: What was given; None for the data of the fit.
            frame: What was computed.

        Returns:
            A frame of pandas, polars or pyarrow.
        """
        if df is None:
            return self.frames.give(frame)
        return FrameKind.of(df, self.settings.id_col, self.settings.time_col).give(frame)

    def columns(self, levels: Sequence[float] | None, quantiles: Sequence[float] | None) -> dict[str, float]:
        """Return the columns that are asked for, and the probability that each is a quantile of.

        Args:
            levels: Interval levels in percent; None for those of the settings.
            quantiles: Probabilities; None for none.

        Raises:
            ConfigError: If a level or probability is not allowed.
        """
        return column_probabilities(
            self.settings.alias,
            checked_levels(self.settings.levels if levels is None else levels),
            checked_quantiles(() if quantiles is None else quantiles),
        )

    def read(self, df: Any, static: Any = None) -> Panel:
        """Read what to forecast from, of the same frequency as that of the fit.

        Args:
            df: Long frame or panel; None for the data of the fit.
            static: Frame of static covariates; None for those in ``df``, or else those of the fit.

        Returns:
            The panel.

        Raises:
            PanelError: If the frame cannot be used.
        """
        panel = read_panel(self.panel if df is None else df, self.settings, self.plan.freq, static)
        check_size(panel)
        asked = self.settings.covariates
        if asked is not None and len(panel.static) < len(asked.static):
            panel = with_known_static(panel, self.panel, asked)
        return panel

    def read_future(self, panel: Panel, frame: Any) -> tuple[CovariateColumn, ...]:
        """Read what is known of the steps after a panel.

        Args:
            panel: What to forecast from.
            frame: Frame of the future covariates, or None.

        Returns:
            A column for each of them.

        Raises:
            PanelError: If the frame cannot be used, or lacks values.
            ConfigError: If there is a frame for covariates that are not used.
        """
        if frame is not None and (self.covariates is None or not self.covariates.covariates.future):
            raise not_asked_for("future")
        return () if self.covariates is None else self.covariates.read_future(panel, frame)

    def table(self, panel: Panel, future: tuple[CovariateColumn, ...] = ()) -> SeriesTable:
        """Return a panel as the network reads it, with a warning for what the fit did not know.

        Args:
            panel: The series.
            future: What is known of the steps after them.

        Returns:
            The table.
        """
        table = SeriesTable.from_panel(panel, self.plan.season_length)
        if self.covariates is None:
            return table
        table = replace(table, covariates=self.covariates.table(panel, future))
        for note in self.covariates.surprises(panel, future):
            warnings.warn(note, UserWarning, stacklevel=3)
        return table

    def forecast(
        self,
        table: SeriesTable,
        series: Ints,
        newest: Ints,
        wanted: Mapping[str, float],
        count: int = 1,
        step: int = 1,
    ) -> dict[str, Floats]:
        """Forecast from ``count`` origins of each given series, ``step`` rows apart.

        Args:
            table: The series.
            series: ``(runs,)`` positions of series.
            newest: ``(runs,)`` row of the newest origin of each run.
            wanted: Probability of each column, as ``columns`` gives them.
            count: Origins in a run.
            step: Rows from one origin to the next.

        Returns:
            Columns ``(runs, count, horizon)`` by name, oldest origin first.
        """
        shape = (len(series), count, self.plan.horizon)
        columns = {name: np.empty(shape) for name in wanted}
        # Some series at a time: all quantiles at once would take several times the memory of the result.
        block = max(1, _BLOCK // (count * self.plan.horizon * len(self.network.quantiles)))
        for i in range(0, len(series), block):
            some = slice(i, i + block)
            quantiles = self.quantiles(table, series[some], newest[some], count, step)
            for name, probability in wanted.items():
                columns[name][some] = at_probability(quantiles, self.network.quantiles, probability)
        floor = self.floor(table, series, newest, count, step)
        for values in columns.values():
            np.maximum(values, floor[..., None], out=values)
        return columns

    def quantiles(
        self, table: SeriesTable, series: Ints, newest: Ints, count: int = 1, step: int = 1
    ) -> Floats:
        """Quantiles of the network, ``(runs, count, horizon, quantiles)``; see ``forecast``."""
        if isinstance(self.network, OnnxNetwork):
            return self.network.forecast(table, series, newest)
        from pipelines.network import forecast_origins

        return forecast_origins(self.network, table, series, newest, count, step)

    def floor(self, table: SeriesTable, series: Ints, newest: Ints, count: int = 1, step: int = 1) -> Floats:
        """Least value that a forecast may take, ``(runs, count)``; see ``forecast``.

        It is 0 where no value of the fit, and none of the series up to the origin, is below 0.
        """
        if not self.nonnegative:
            return np.full((len(series), count), -np.inf)
        origins = newest[:, None] - step * np.arange(count - 1, -1, -1)
        return np.where(origins < table.negative[series, None], 0.0, -np.inf)

    def golden_inputs(self) -> dict[str, Any]:
        """Return what the network is shown of a few series, a horizon before their ends."""
        some = np.unique(np.linspace(0, self.panel.n_series - 1, _GOLDEN_SERIES).astype(int))
        panel = self.panel.select(some)
        origins = np.maximum(panel.indptr[1:] - 1 - self.plan.horizon, panel.indptr[:-1])
        return gather(self.table(panel), np.arange(panel.n_series), origins, self.network.context + 1)
