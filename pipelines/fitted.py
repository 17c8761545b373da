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
from pipelines.conformal import (
    PROBABILITIES,
    Conformal,
    calibrated_quantiles,
    normal_scores,
    origins_of_pass,
    truths,
)
from pipelines.errors import PanelError
from pipelines.frames import PANDAS, FrameKind
from pipelines.learned import learned_until
from pipelines.panel import CovariateColumn, Panel
from pipelines.paths import Dependence
from pipelines.plan import Plan, check_size
from pipelines.preparing import prepare_again
from pipelines.reading import not_asked_for, read_panel, with_known_static
from pipelines.runtime import OnnxNetwork, gather
from pipelines.transforms import TargetTransform, TransformedTable
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
        transform: What was learned of how to transform the target; None if it is taken as it is.
        learned: Last row of each series that the weights have learned from; None if those are all of the
            panel.
        conformal: What intervals are calibrated by; None if they are those of the network.
        coverage: How often intervals held before and after; None without calibration.
        dependence: How errors of the steps of a forecast went together in the fit; None if nothing told.
        dependence_since: The same with what the calibration told; None without one.
        is_sample: Whether the panel holds a few series only, as the data of the fit are too large to keep.
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
    transform: TargetTransform | None = None
    learned: Panel | None = None
    conformal: Conformal | None = None
    coverage: pd.DataFrame | None = None
    dependence: Dependence | None = None
    dependence_since: Dependence | None = None
    is_sample: bool = False

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
        if df is None and self.is_sample:
            raise PanelError(
                "A forecaster that learned from a store keeps no history, and must be given one. Received: "
                "none; pass data, or forecast the store with predict_parts (tcn predict --data FOLDER)."
            )
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
        table, notes = self.table_and_notes(panel, future)
        for note in notes:
            warnings.warn(note, UserWarning, stacklevel=3)
        return table

    def table_and_notes(
        self, panel: Panel, future: tuple[CovariateColumn, ...] = ()
    ) -> tuple[SeriesTable, tuple[str, ...]]:
        """Return a panel as ``table`` does, and lines about what the fit did not know."""
        table, notes = prepare_again(self.settings, self.plan, self.covariates, self.transform, panel, future)
        if self.conformal is not None and self.conformal.adapts:
            table = replace(table, learned=learned_until(self.ends, panel))
        return table, notes

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
        origins, _ = self._pass(count, step)
        block = max(1, _BLOCK // (origins * self.plan.horizon * len(self.probabilities)))
        for i in range(0, len(series), block):
            some = slice(i, i + block)
            quantiles = self.quantiles(table, series[some], newest[some], count, step)
            for name, probability in wanted.items():
                columns[name][some] = at_probability(quantiles, self.probabilities, probability)
        floor = self.floor(table, series, newest, count, step)[..., None]
        return {name: self.possible(values, floor) for name, values in columns.items()}

    def possible(self, values: Floats, floor: Floats) -> Floats:
        """Make forecasts, in place, numbers that the target can take.

        Args:
            values: Quantiles or paths.
            floor: Least values, see ``floor``; of a shape that spreads to that of the values.

        Returns:
            The values, none below the floor, and whole if the target is a count.
        """
        np.maximum(values, floor, out=values)
        return np.rint(values, out=values) if self.settings.target == "count" else values

    def quantiles(
        self, table: SeriesTable, series: Ints, newest: Ints, count: int = 1, step: int = 1
    ) -> Floats:
        """Quantiles for ``probabilities``, ``(runs, count, horizon, quantiles)``; see ``forecast``."""
        total, spacing = self._pass(count, step)
        quantiles = self.of_network(table, series, newest, total, spacing)
        if self.conformal is not None:
            adapts = self.conformal.adapts
            scores = self.scores(quantiles, table, series, newest, spacing) if adapts else None
            chosen = total - 1 - step // spacing * np.arange(count - 1, -1, -1)
            known = self.network.quantiles
            quantiles = calibrated_quantiles(self.conformal, quantiles, known, scores, spacing, chosen)
        if not isinstance(table, TransformedTable):
            return quantiles
        origins = newest[:, None] - step * np.arange(count - 1, -1, -1)
        return table.in_target_units(quantiles, series, origins)

    @property
    def probabilities(self) -> Sequence[float]:
        """Probabilities of ``quantiles``."""
        probabilities: Sequence[float] = self.network.quantiles if self.conformal is None else PROBABILITIES
        return probabilities

    @property
    def ends(self) -> Panel:
        """Last row of each series that the weights have learned from."""
        return self.panel.tail(1) if self.learned is None else self.learned

    def of_network(self, table: SeriesTable, series: Ints, newest: Ints, count: int, step: int) -> Floats:
        """Quantiles of the network before any calibration, in the units of the table's series."""
        if isinstance(self.network, OnnxNetwork):
            return self.network.forecast(table, series, newest, count, step)
        from pipelines.network import forecast_origins

        return forecast_origins(self.network, table, series, newest, count, step)

    def scores(self, quantiles: Floats, table: SeriesTable, series: Ints, newest: Ints, step: int) -> Floats:
        """Normal scores of what happened, ``(runs, count, horizon)``; see ``pipelines.conformal``.

        Args:
            quantiles: ``(runs, count, horizon, quantiles)`` as ``of_network`` gives them.
            table: The series.
            series: ``(runs,)`` positions of series.
            newest: ``(runs,)`` row of the newest origin of each run.
            step: Rows from one origin to the next.

        Returns:
            Scores; NaN where what happened is not known, or the table says that it was learned.
        """
        count, horizon = quantiles.shape[1:3]
        truth = truths(table, series, newest, horizon, count, step)
        floor = self.floor(table, series, newest, count, step)
        if isinstance(table, TransformedTable):
            floor = np.full_like(floor, -np.inf)
        return normal_scores(quantiles, self.network.quantiles, truth, floor[..., None])

    def _pass(self, count: int, step: int) -> tuple[int, int]:
        """Origins that the network must forecast from, and rows from one to the next."""
        adapts = self.conformal is not None and self.conformal.adapts
        return origins_of_pass(adapts, self.plan.horizon, count, step)

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
        # Series that see each other are shown all of them.
        panel = self.panel if self.settings.multivariate else self.panel.select(some)
        series = some if self.settings.multivariate else np.arange(panel.n_series)
        origins = np.maximum(panel.indptr[1:] - 1 - self.plan.horizon, panel.indptr[:-1])[series]
        return gather(self.table(panel), series, origins, self.network.context + 1)
