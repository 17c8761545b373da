"""Backtests: all origins in one pass, against a forecast for each.

``Forecaster.backtest`` forecasts from each of the last hours of ``bike_sharing`` with the weights of one fit.
Against it stand ``Forecaster.predict`` on the history as it was at each origin, the obvious way, and a
stricter one: a window for each origin, run through the compiled network in large batches. All three must
agree. Compilation is not timed.
"""

from __future__ import annotations

from typing import Any

from _timing import in_turn, row, wants_small

HORIZON = 24
TOLERANCE = 1e-5


def main(small: bool) -> None:
    """Fit briefly, then compare."""
    import numpy as np

    from pipelines import Forecaster, Panel, datasets
    from pipelines.network import forecast_origins
    from pipelines.windows import SeriesTable

    origins, sample, rounds = (20, 4, 1) if small else (2000, 20, 3)
    frame = datasets.load("bike_sharing").tail(1000 if small else 17379)
    panel = Panel.from_frame(frame, "h")
    model = Forecaster(HORIZON, "h", max_steps=20, ensemble=1 if small else "auto").fit(panel)
    newest = panel.n_rows - 1 - HORIZON
    rows = np.arange(newest - origins + 1, newest + 1)
    chosen = np.linspace(0, origins - 1, sample).astype(int)
    table = SeriesTable.from_panel(panel, model.plan_.season_length)
    one = np.zeros(1, np.int64)

    def one_pass() -> Any:
        return model.backtest(panel, n_windows=origins, step=1, levels=[])

    def windows_in_batches() -> Any:
        return forecast_origins(model.network_, table, np.repeat(one, origins), rows)[:, 0]

    def window_by_window() -> Any:
        return [model.predict(panel.before(panel.n_rows - 1 - rows[k]), levels=[]) for k in chosen]

    median = model.network_.quantiles.index(0.5)
    every = one_pass()["TCN"].to_numpy().reshape(origins, HORIZON)
    batched = np.maximum(windows_in_batches()[..., median], 0.0)
    single = np.stack([forecast["TCN"].to_numpy() for forecast in window_by_window()])
    gap = max(difference(every, batched), difference(every[chosen], single))

    seconds = in_turn(
        {"one pass": one_pass, "window by window": window_by_window, "batches": windows_in_batches}, rounds
    )
    ours = seconds["one pass"] / origins
    theirs = seconds["window by window"] / sample
    batches = seconds["batches"] / origins
    print(f"{origins:,} origins, look-back {model.plan_.lookback}, {model.plan_.members} members")
    row("Forecaster.backtest, one pass", f"{1e3 * ours:.3g} ms/origin")
    row("Forecaster.predict, window by window", f"{1e3 * theirs:.3g} ms/origin", theirs / ours, "slower")
    row("a window per origin, in batches", f"{1e3 * batches:.3g} ms/origin", batches / ours, "slower")
    row("largest relative difference of their forecasts", f"{gap:.1e}")
    if gap > TOLERANCE:
        raise SystemExit(f"The three ways must agree to {TOLERANCE}. Received: {gap:.1e}.")


def difference(ours: Any, theirs: Any) -> float:
    """Largest difference of two arrays of forecasts, in units of the largest value of each forecast."""
    import numpy as np

    size = np.abs(theirs).max(axis=-1, keepdims=True)
    return float((np.abs(ours - theirs) / size).max())


if __name__ == "__main__":
    main(wants_small(__doc__))
