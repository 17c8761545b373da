"""A forecaster that fits in no time by repeating the last season: for tests of what stands around it."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.backtest import backtest_frame, origin_runs
from pipelines.config import Settings
from pipelines.fitted import Fitted
from pipelines.forecaster import Forecaster
from pipelines.learned import rows_of_plan
from pipelines.panel import Panel
from pipelines.plan import Plan, make_plan
from pipelines.windows import SeriesTable


def make_frame(lengths=(60, 60, 60), season=6, start=0, seed=0):
    """Seasonal series with integer stamps, each of its own size."""
    rng = np.random.default_rng(seed)
    parts = []
    for number, length in enumerate(lengths):
        t = np.arange(start, start + length)
        y = (number + 1) * (10 + 3 * np.sin(2 * np.pi * t / season) + rng.normal(0, 0.3, length))
        parts.append(pd.DataFrame({"unique_id": f"s{number}", "ds": t, "y": y}))
    return pd.concat(parts, ignore_index=True)


class StandIn(Forecaster):
    """Overrides whatever needs a network; ``pause`` lets a test meet it while it fits."""

    pause = 0.0
    fitted_on: Panel | None = None

    def fit(self, df, static=None, callbacks=(), initial=None):
        panel, self.began_with = df, initial
        table = SeriesTable.from_panel(panel, self.season_length)
        type(self).fitted_on = panel
        settings = Settings.of(self.get_params())
        history = [{"step": 10 * k, "loss": 1 / k, "learning_rate": 0.1, "seconds": 0.1} for k in (1, 2)]
        self._fitted = learned(settings, panel, make_plan(settings, panel, table), history)
        for record in history:
            for callback in callbacks:
                callback(record)
            if self.pause:
                sys.stderr.write("fitting\n")
                sys.stderr.flush()
                time.sleep(self.pause)
        return self

    def predict(self, df=None, future=None, static=None, levels=None):
        panel = self.panel_ if df is None else df
        frame = panel.key_frame(
            np.repeat(np.arange(panel.n_series), self.horizon), panel.future_stamps(self.horizon).ravel()
        )
        paths = np.array([self._path(panel, row) for row in panel.indptr[1:] - 1])
        return frame.assign(**self._with_levels(paths.ravel(), levels))

    def backtest(self, df=None, n_windows=1, step=None, levels=None):
        panel = df
        step = step or self.horizon
        series, newest, windows = origin_runs(panel, self.horizon, n_windows, step)
        paths = np.array(
            [[self._path(panel, row - step * k) for k in range(windows - 1, -1, -1)] for row in newest]
        )
        return backtest_frame(panel, series, newest, step, self._with_levels(paths, levels))

    def save(self, path):
        path = Path(path)
        path.mkdir()
        (path / "manifest.json").write_text(json.dumps({"rows": self.panel_.n_rows}))
        asked = Settings.of(self.get_params()).covariates
        params = {**self.get_params(), "covariates": None if asked is None else asked.to_dict()}
        state = {"params": params, "plan": self.plan_.to_dict()}
        (path / "state.json").write_text(json.dumps(state))
        self.panel_.to_frame().to_parquet(path / "history.parquet", index=False)

    @classmethod
    def load(cls, path, runtime="keras"):
        if not (Path(path) / "state.json").exists():
            return super().load(path)  # which says what a bundle must be
        state = json.loads((Path(path) / "state.json").read_text())
        loaded = cls(**state["params"])
        plan, settings = Plan.from_dict(state["plan"]), Settings.of(loaded.get_params())
        columns = (loaded.id_col, loaded.time_col, loaded.target_col)
        frame = pd.read_parquet(Path(path) / "history.parquet")
        panel = Panel.from_frame(frame, plan.freq, *columns, covariates=settings.covariates)
        ends = rows_of_plan(panel, plan.rows).tail(1)
        loaded._fitted = replace(learned(settings, panel, plan, []), learned=ends)
        return loaded

    def _path(self, panel, row):
        season = np.nan_to_num(panel.values[max(row - self.season_length + 1, 0) : row + 1])
        return np.resize(season, self.horizon)

    def _with_levels(self, middle, levels):
        columns = {self.alias: middle}
        for level in self.levels if levels is None else levels:
            columns |= {
                f"{self.alias}-lo-{level:g}": middle - level / 50,
                f"{self.alias}-hi-{level:g}": middle + level / 50,
            }
        return columns


def learned(settings, panel, plan, history):
    """What a fit without a network leaves."""
    calibration = {"shrink": 0.9, "widen": 1.2}
    return Fitted(settings, panel, plan, None, history, calibration, nonnegative=False, covariates=None)


def install(patch):
    """Let jobs use the stand-in; ``patch`` is called with module path and value."""
    patch("pipelines.jobs.task.Forecaster", StandIn)
    patch("pipelines.jobs.fitting.Forecaster", StandIn)
    patch("pipelines.jobs.predicting.runtime_of", lambda path: "keras")
    patch("pipelines.jobs.fitting._find_devices", lambda: None)
