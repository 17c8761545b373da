"""Which forecasts are explained: series, origin, and all that the network is shown of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.backtest import column_probabilities
from pipelines.errors import ConfigError, PanelError
from pipelines.fitted import Fitted
from pipelines.panel import CovariateColumn, Panel, show
from pipelines.runtime import OnnxNetwork, gather
from pipelines.windows import SeriesTable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_SERIES: Final = 8
"""Series that are explained where nobody names any."""

_LARGEST: Final = 1e200


@dataclass(frozen=True)
class Subject:
    """One forecast, and what it is made from.

    Attributes:
        fitted: What was learned.
        panel: The series: those that are explained, or all where they see each other.
        future: What is known of the steps after them.
        table: The same as the network reads it.
        series: Position of the series.
        row: Row of the origin, the last one known.
        quantile: Which quantile is explained.
        inputs: What the network is shown, ``(1, ...)`` each.
    """

    fitted: Fitted
    panel: Panel
    future: tuple[CovariateColumn, ...]
    table: SeriesTable
    series: int
    row: int
    quantile: float
    inputs: dict[str, npt.NDArray[np.float32]]

    @property
    def network(self) -> Any:
        """The Keras model."""
        return self.fitted.network

    @property
    def column(self) -> str:
        """Name of the forecast, as ``predict`` gives it: the alias, or that with the quantile."""
        quantiles = () if self.quantile == 0.5 else (self.quantile,)
        return [*column_probabilities(self.fitted.settings.alias, (), quantiles)][-1]

    @property
    def name(self) -> Any:
        """Id of the series."""
        return self.panel.ids[self.series]

    @property
    def rows(self) -> Ints:
        """``(field,)`` rows of the series that the forecast can depend on, the origin last."""
        first = max(self.row - self.network.context, int(self.panel.indptr[self.series]))
        return np.arange(first, self.row + 1)

    @property
    def values(self) -> Floats:
        """``(field,)`` what was observed at ``rows``, NaN where nothing was."""
        return self.panel.values[self.rows]

    def times(self, rows: Ints) -> pd.Index[Any]:
        """Return the stamps of rows of the panel, also of those after the end of the series.

        Args:
            rows: ``(n,)`` rows.

        Returns:
            Stamps as the frame holds them.
        """
        away = rows - self.panel.indptr[self.series]
        return self.panel.frame_time(self.panel.freq.advance(self.panel.starts[self.series], away))


def choose_subjects(
    fitted: Fitted,
    df: Any,
    future: Any,
    static: Any,
    unique_id: Any,
    cutoff: Any,
    quantile: float,
) -> tuple[list[Subject], tuple[str, ...]]:
    """Read what forecasts are made from, and choose those to explain.

    Args:
        fitted: What was learned.
        df: New history, or None; see ``Forecaster.predict``, as for the next two.
        future: Frame of what is known of the steps ahead.
        static: Frame of static covariates.
        unique_id: One id, several, or None for all series, or some of many.
        cutoff: Last stamp known; None for the last of each series.
        quantile: Which quantile.

    Returns:
        A subject for each series, and lines about the data.

    Raises:
        ConfigError: If the network has no gradients or no such quantile, there is no such series, or none of
            them has a row at the cutoff.
        PanelError: If a frame cannot be used, or what is known ahead is missing.
    """
    _check_network(fitted, quantile)
    panel = fitted.read(df, static)
    chosen = _chosen(panel, unique_id)
    origins = panel.indptr[chosen + 1] - 1 if cutoff is None else _origins(panel, chosen, cutoff)
    chosen, origins = chosen[origins >= 0], origins[origins >= 0]
    if not len(chosen):
        raise ConfigError(
            f"cutoff must be the stamp of a row, or after one. Received: {cutoff!r}, before the first row of "
            "each series; choose a later one."
        )
    if unique_id is None and len(chosen) > MOST_SERIES:
        some = np.unique(np.linspace(0, len(chosen) - 1, MOST_SERIES).round().astype(np.int64))
        chosen, origins = chosen[some], origins[some]
    since = origins - panel.indptr[chosen]
    if not fitted.settings.multivariate:  # series that see each other are shown all of them
        panel, chosen = panel.select(chosen), np.arange(len(chosen))
    origins = panel.indptr[chosen] + since
    _check_sizes(panel, chosen)
    columns = _future(fitted, panel, future, chosen, None if cutoff is None else origins)
    table, notes = fitted.table_and_notes(panel, columns)
    subjects = []
    for series, row in zip(chosen.tolist(), origins.tolist(), strict=True):
        place = np.array([series]), np.array([row])
        inputs = gather(table, *place, fitted.network.context + 1)
        subjects.append(Subject(fitted, panel, columns, table, series, row, quantile, inputs))
    return subjects, notes


def _check_network(fitted: Fitted, quantile: float) -> None:
    if isinstance(fitted.network, OnnxNetwork):
        raise ConfigError(
            "Explanations need the gradients of TensorFlow. Received: a forecaster loaded with "
            "runtime='onnx', which has none; use Forecaster.load(path), with TensorFlow installed (pip "
            "install tcn-forecasting)."
        )
    if find_spec("tensorflow") is None:
        raise ConfigError(
            "Explanations need the gradients of TensorFlow. Received: an environment without it; pip install "
            "tcn-forecasting."
        )
    if quantile not in fitted.network.quantiles:
        known = ", ".join(f"{q:g}" for q in fitted.network.quantiles)
        raise ConfigError(f"quantile must be one of {known}. Received: {quantile!r}.")


def _chosen(panel: Panel, unique_id: Any) -> Ints:
    """Positions of the series that are asked for, all if none are named."""
    if unique_id is None:
        return np.arange(panel.n_series)
    several = isinstance(unique_id, Sequence | np.ndarray | pd.Series | pd.Index)
    asked = list(unique_id) if several and not isinstance(unique_id, str) else [unique_id]
    place = {name: i for i, name in enumerate(panel.ids.tolist())}
    missing = [name for name in asked if name not in place]
    if missing or not asked:
        known = ", ".join(show(name) for name in panel.ids[:5]) + ", ..." * (panel.n_series > 5)
        received = "none" if not asked else show(missing[0])
        raise ConfigError(f"unique_id must name series of the data: {known}. Received: {received}.")
    return np.array(sorted({place[name] for name in asked}), np.int64)


def _check_sizes(panel: Panel, series: Ints) -> None:
    """Refuse values whose differences no number can hold."""
    for i in series.tolist():
        largest = float(np.nanmax(np.abs(panel.series(i)), initial=0.0))
        if largest > _LARGEST:
            raise PanelError(
                f"Explanations need values of at most {_LARGEST:g} in size. Received: {largest:g} in series "
                f"{show(panel.ids[i])}; divide the values by a power of ten."
            )


def _origins(panel: Panel, series: Ints, cutoff: Any) -> Ints:
    """Row of each series at a stamp, or the last one before it; -1 where it has not begun."""
    found = []
    for i in series.tolist():
        times = panel.frame_time(panel.stamps(i))
        try:
            stamp: Any = int(cutoff) if panel.freq.is_integer else pd.Timestamp(cutoff)
            if not panel.freq.is_integer and panel.tz is not None and stamp.tzinfo is None:
                stamp = stamp.tz_localize(panel.tz)
            count = int(times.searchsorted(stamp, side="right"))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"cutoff must be a stamp such as {times[-1]}. Received: {cutoff!r}.") from error
        found.append(panel.indptr[i] + count - 1 if count else -1)
    return np.array(found, np.int64)


def _future(
    fitted: Fitted, panel: Panel, future: Any, series: Ints, origins: Ints | None
) -> tuple[CovariateColumn, ...]:
    """What is known of the steps after the last rows; after a cutoff the rows themselves say it."""
    if origins is None:
        return fitted.read_future(panel, future)
    if future is not None:
        raise ConfigError(
            "After a cutoff, what is known ahead stands in the rows of the data. Received: cutoff and "
            "future; leave one of them out."
        )
    if fitted.covariates is not None:
        fitted.covariates.check_targets(panel, series, origins)
    return ()
