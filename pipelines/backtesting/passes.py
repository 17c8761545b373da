"""The passes of a backtest: trainings one after the other, and the forecasts of each in one pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.backtest import backtest_frame
from pipelines.backtesting.certificate import certify
from pipelines.backtesting.origins import Mask, Origins
from pipelines.backtesting.trainings import training_cutoffs, training_rows
from pipelines.backtesting.windows import Windows
from pipelines.errors import ForecastingError

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Settings
    from pipelines.fitted import Fitted
    from pipelines.panel import Panel

Floats = npt.NDArray[np.float64]
Report = Callable[[dict[str, float]], None]
Fit = Callable[["Panel", Report], "Fitted"]


class Asked(NamedTuple):
    """Columns of a backtest.

    Attributes:
        levels: Interval levels in percent; None for those of the settings.
        quantiles: Probabilities of further columns; None for none.
    """

    levels: Sequence[float] | None = None
    quantiles: Sequence[float] | None = None


@dataclass(frozen=True)
class Trained:
    """What some origins are forecast with.

    Attributes:
        fitted: What was learned.
        origins: ``(runs, windows)`` which origins.
        stamp: Cutoff that it was learned at; None if it was there before.
    """

    fitted: Fitted
    origins: Mask
    stamp: Any = None


@contextmanager
def _compilations_unremarked() -> Iterator[None]:
    """Every training compiles functions of its own, which TensorFlow takes for a mistake and logs."""

    def is_other(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


@dataclass(frozen=True)
class Backtest:
    """A backtest on the way from its origins to its frame.

    Attributes:
        settings: What the forecaster was asked for.
        panel: The history to test on.
        windows: Which windows.
        origins: Where they lie.
        asked: Which columns.
    """

    settings: Settings
    panel: Panel
    windows: Windows
    origins: Origins
    asked: Asked

    def trainings(self, fit: Fit, callbacks: Sequence[Report]) -> Iterator[Trained]:
        """Train at one cutoff after the other."""
        cutoffs = training_cutoffs(self.panel, self.origins, self.windows.refit)
        for number, (stamp, chosen) in enumerate(cutoffs, 1):
            place = {"training": number, "trainings": len(cutoffs)}

            def report(record: dict[str, float], place: Mapping[str, float] = place) -> None:
                for callback in callbacks:
                    callback({**record, **place})

            try:
                with _compilations_unremarked():
                    fitted = fit(self._learnable(self.panel, stamp), report)
            except ForecastingError as error:
                cutoff = self.panel.frame_time(np.array([stamp]))[0]
                raise type(error)(f"At cutoff {cutoff} of the backtest: {error}") from error
            # The rows are in the panel: a copy for each training would fill the memory.
            yield Trained(replace(fitted, panel=self.panel), chosen, stamp)

    def frame(self, trained: Iterable[Trained], certificate: bool) -> pd.DataFrame:
        """Forecast, and certify if that is asked for."""
        columns: dict[str, Floats] = {}
        for each in trained:
            self._check_future(each)
            self._forecast(each, self.panel, columns)
        newest = self.origins.rows[:, -1]
        frame = backtest_frame(
            self.panel, self.origins.series, newest, self.windows.step, columns, self.windows.gap
        )
        if certificate:

            def again(other: Panel, stamp: Any) -> Mapping[str, Floats]:
                moved: dict[str, Floats] = {}
                for each in trained:
                    self._check_rows(each, other, stamp)
                    self._forecast(each, other, moved)
                return moved

            proof = certify(again, self.panel, self.origins, self.settings, columns, frame)
            frame.attrs["certificate"] = proof.to_dict()
        return frame

    def _forecast(self, trained: Trained, panel: Panel, columns: dict[str, Floats]) -> None:
        """Fill in the forecasts of a training's origins, in one pass."""
        fitted = trained.fitted
        some, newest, count = self.origins.run(trained.origins)
        series, rows = self.origins.series[some], self.origins.rows[some, newest]
        wanted = fitted.columns(*self.asked)
        with _compilations_unremarked():
            values = fitted.forecast(fitted.table(panel), series, rows, wanted, count, self.windows.step)
        window = newest[:, None] + np.arange(1 - count, 1)
        run, place = np.nonzero((window >= 0) & trained.origins[some[:, None], np.maximum(window, 0)])
        for name, found in values.items():
            blank = np.full((*trained.origins.shape, self.windows.horizon), np.nan)
            columns.setdefault(name, blank)[some[run], window[run, place]] = found[run, place]

    def _learnable(self, panel: Panel, stamp: Any) -> Panel:
        return training_rows(panel, stamp, self.windows.window, self.settings.covariates)

    def _check_future(self, trained: Trained) -> None:
        """Refuse origins whose horizon runs beyond what is known of a future column."""
        if trained.fitted.covariates is not None:
            some, newest, _ = self.origins.run(trained.origins)
            rows = self.origins.rows[some, newest]
            trained.fitted.covariates.check_targets(self.panel, self.origins.series[some], rows)

    def _check_rows(self, trained: Trained, other: Panel, stamp: Any) -> None:
        """See that a training up to a stamp would have learned the same from another panel."""
        if trained.stamp is None or trained.stamp > stamp:
            return
        if self._learnable(self.panel, trained.stamp) != self._learnable(other, trained.stamp):
            cutoff = self.panel.frame_time(np.array([trained.stamp]))[0]
            raise ForecastingError(
                "A training must not learn from what comes after its cutoff. Received: other rows for the "
                f"cutoff {cutoff} when what is not known at it was replaced."
            )
