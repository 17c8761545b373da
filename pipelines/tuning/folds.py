"""The origins that all trials of a study are scored on, and those that none of them sees."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.backtesting import Origins, Windows, training_cutoffs
from pipelines.errors import ConfigError, PanelError
from pipelines.holding_out import HeldOut, hold_out
from pipelines.metrics import Scores, evaluate
from pipelines.plan import season_of
from pipelines.tuning.records import FoldRecord

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Settings
    from pipelines.forecaster import Forecaster
    from pipelines.panel import Panel

_BY_STEP: Final = ("mae", "wql")


@dataclass(frozen=True)
class RollingOrigins:
    """Rolling origins of a study: look-backs and all else of a trial leave them as they are.

    The last rows of each series are held out of the search. Before them lie the windows of the folds, the
    oldest first; a trial trains anew for each fold, on the rows up to the fold's first cutoff. Where series
    end at different dates, that is the first cutoff of each series in the fold, as for what is held out:
    cutoffs by date would ask for a training before each of them.

    Attributes:
        rows: Rows of the search: all but those that are held out.
        windows: Windows of all folds, and after how many of them a fold ends.
        season_length: Steps in the main season, for scores.
        held: What is held out of the search.
        searched: The windows of the folds as rows of each series.
        bounds: First and last cutoff of each fold, as the panel's frames have them.
        aligned: Whether series end together, so that a fold has the same cutoffs in all of them.
    """

    rows: Panel
    windows: Windows
    season_length: int
    held: HeldOut
    searched: HeldOut
    bounds: tuple[tuple[Any, Any], ...]
    aligned: bool

    @property
    def longest(self) -> int:
        """Rows of the longest series before the windows of its folds."""
        windows = self.windows
        return int(self.rows.lengths.max()) - windows.horizon - (windows.n_windows - 1) * windows.step

    @classmethod
    def of(cls, panel: Panel, settings: Settings, folds: int = 3) -> RollingOrigins:
        """Lay folds and held-out windows into a panel.

        Args:
            panel: The series.
            settings: Horizon and season.
            folds: Trainings of a trial.

        Returns:
            The origins. A fifth of a typical series at most is held out of the search, and a fifth of the
            rest is what the folds forecast.

        Raises:
            PanelError: If the series are too short to hold anything out, or hold no known value there.
            ConfigError: If so many folds do not fit.
        """
        if type(folds) is not int or folds < 1:
            raise ConfigError(f"folds must be a positive integer. Received: {folds!r}; pass 1 or more.")
        horizon, season = settings.horizon, season_of(settings, panel)
        held = hold_out(panel, horizon, season)
        rows = _before(panel, held)
        usual = hold_out(rows, horizon, season)
        if usual.reason:
            raise PanelError(f"{usual.reason} Choose a smaller horizon.")
        size = max(usual.n_windows // folds, 1)
        try:
            searched = hold_out(rows, horizon, season, size * folds, usual.step)
        except ConfigError as error:
            raise ConfigError(f"folds={folds} do not fit into the rows of the search: {error}") from None
        windows = Windows.of(horizon, searched.n_windows, searched.step, refit=size)
        # Trials would fail one by one, and the comparison after all of them.
        _check_known(panel, held, "The rows that are held out of a search")
        _check_known(rows, searched, "The folds of a search")
        origins = Origins.of(rows, windows)
        aligned = len(training_cutoffs(rows, origins, size)) == folds
        bounds = _bounds(rows, origins, size) if aligned else _own_bounds(rows, searched, windows)
        return cls(rows, windows, season, held, searched, bounds, aligned)

    def backtest(self, forecaster: Forecaster, epochs: list[dict[str, float]]) -> list[pd.DataFrame]:
        """Forecast the windows of all folds.

        Args:
            forecaster: Whose settings to train with.
            epochs: Takes the record of every epoch.

        Returns:
            The backtest frame of each fold, oldest first.
        """
        if not self.aligned:
            return self._by_series(forecaster, epochs)
        windows = self.windows
        frame = forecaster.backtest(
            self.rows, windows.n_windows, windows.step, refit=windows.refit, callbacks=(epochs.append,)
        )
        return [frame[(frame["cutoff"] >= a) & (frame["cutoff"] <= b)] for a, b in self.bounds]

    def _by_series(self, forecaster: Forecaster, epochs: list[dict[str, float]]) -> list[pd.DataFrame]:
        """The same with folds that are counted from the end of each series."""
        found, windows = [], self.windows
        known, scored = (_parts(rows, windows) for rows in (self.rows, self.searched.tested(self.rows)))
        for number, (rows, tested) in enumerate(zip(known, scored, strict=True), 1):
            place = {"training": number, "trainings": len(known)}

            def report(record: dict[str, float], place: dict[str, int] = place) -> None:
                epochs.append({**record, **place})

            learnable = rows.before(windows.horizon + (windows.refit - 1) * windows.step)
            fitted = type(forecaster)(**forecaster.get_params()).fit(learnable, callbacks=(report,))
            found.append(fitted.backtest(tested, windows.refit, windows.step))
        return found

    def score(
        self, forecaster: Forecaster, report: Callable[[FoldRecord], None] = lambda fold: None
    ) -> tuple[FoldRecord, ...]:
        """Train and score a forecaster on every fold.

        Args:
            forecaster: Whose settings to train with.
            report: Called with each fold.

        Returns:
            The folds, oldest first.
        """
        began = time.monotonic()
        epochs: list[dict[str, float]] = []
        frames = self.backtest(forecaster, epochs)
        seconds = (time.monotonic() - began) / len(self.bounds)
        found = []
        for number, ((first, last), part) in enumerate(zip(self.bounds, frames, strict=True)):
            scores = evaluate(part, self.rows, self.season_length)
            fold = FoldRecord(
                number,
                (str(first), str(last)),
                metrics_of(scores, forecaster.alias),
                _by_step(scores, forecaster.alias),
                tuple(
                    {name: value for name, value in record.items() if name not in ("training", "trainings")}
                    for record in epochs
                    if record["training"] == number + 1
                ),
                seconds,
            )
            report(fold)
            found.append(fold)
        return tuple(found)

    def held_out(self, forecaster: Forecaster, panel: Panel) -> pd.DataFrame:
        """Forecast the windows that no trial has seen.

        Args:
            forecaster: Fitted to the rows of the search.
            panel: All rows.

        Returns:
            The backtest frame.
        """
        return forecaster.backtest(self.held.tested(panel), self.held.n_windows, self.held.step)


def metrics_of(scores: Scores, model: str) -> dict[str, float]:
    """Scores of a model by name, those that are finite.

    Args:
        scores: The scores.
        model: Its name.

    Returns:
        Such as ``{"mase": 0.8, "wql": 0.1, "coverage_80": 0.79}``.
    """
    return _finite(scores.overall.loc[model].to_dict())


def _before(panel: Panel, held: HeldOut) -> Panel:
    if held.reason:
        raise PanelError(f"{held.reason} A search holds rows out, to see whether it has found anything.")
    return panel.before(held.rows)


def _check_known(panel: Panel, held: HeldOut, what: str) -> None:
    """See that there is something to score forecasts by."""
    forecast = held.tested(panel).tail(held.rows)
    if np.isnan(forecast.values).all():
        raise PanelError(
            f"{what} must have a row with a known {panel.columns.target_col!r}. Received: "
            f"{forecast.n_rows:,} rows without, the last {held.rows} of each series; leave out rows where "
            "nothing is known yet."
        )


def _parts(rows: Panel, windows: Windows) -> list[Panel]:
    """Rows of each series up to the end of each fold, oldest first."""
    later = range(windows.n_windows - windows.refit, -1, -windows.refit)
    return [rows.before(count * windows.step) for count in later]


def _own_bounds(rows: Panel, searched: HeldOut, windows: Windows) -> tuple[tuple[Any, Any], ...]:
    """Bounds of folds that are counted from the end of each series."""
    single = Windows.of(windows.horizon, windows.refit, windows.step)
    stamps = [Origins.of(part, single).stamps for part in _parts(searched.tested(rows), windows)]
    times = [rows.frame_time(each) for each in stamps]
    return tuple((each[0], each[-1]) for each in times)


def _bounds(rows: Panel, origins: Origins, every: int) -> tuple[tuple[Any, Any], ...]:
    starts = [stamp for stamp, _ in training_cutoffs(rows, origins, every)]
    first = np.searchsorted(origins.stamps, np.asarray(starts, origins.stamps.dtype))
    last = np.append(first[1:], len(origins.stamps)) - 1
    times = rows.frame_time(origins.stamps)
    return tuple((times[a], times[b]) for a, b in zip(first.tolist(), last.tolist(), strict=True))


def _by_step(scores: Scores, model: str) -> dict[str, tuple[float, ...]]:
    table = scores.by_step[scores.by_step["model"] == model].sort_values("step")
    names = [name for name in table.columns if name in _BY_STEP or str(name).startswith("coverage_")]
    found = {str(name): tuple(float(value) for value in table[name]) for name in names}
    return {name: values for name, values in found.items() if all(map(math.isfinite, values))}


def _finite(metrics: Mapping[Any, Any]) -> dict[str, float]:
    found = {str(name): float(value) for name, value in metrics.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}
