"""What weights that were learned from other series are worth: as they are, tuned, and against a fit anew.

Many series with `unique_id`, `ds` and `y` lie in a file of the folder that is passed with `--data`; `--set`
is its name without the ending, by default `m1_monthly` (R package Mcomp). A network learns from half of the
series; the others are forecast by it as it is, by it after a short fit to them (`initial="bundle"`), and by a
network that is fitted to them alone. The last horizon of each is what is forecast; nobody has learned it.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from _data import load, parsed, parser
from _timing import row, timed


def main(data: Path | None, name: str, horizon: int, season: int, settings: dict[str, Any]) -> None:
    """Print the scaled error of the three, and the time of the two fits."""
    from pipelines import Forecaster

    frame = synthetic() if data is None else load(data, name)
    ids = np.random.default_rng(0).permutation(frame["unique_id"].unique())
    first = frame["unique_id"].isin(ids[: len(ids) // 2])
    known = frame.groupby("unique_id").cumcount(ascending=False) >= horizon
    theirs, own, truth = frame[known & first], frame[known & ~first], frame[~known & ~first]
    settings = {"horizon": horizon, "season_length": season, **settings}
    print(f"{horizon} steps of {own['unique_id'].nunique()} series; errors over those of the last season")
    with TemporaryDirectory() as folder:
        Forecaster(**settings).fit(theirs).save(Path(folder) / "bundle", onnx=False)
        loaded = Forecaster.load(Path(folder) / "bundle")
    score = scaled_error(loaded.predict(own), truth, own, season)
    row("weights of the other series, as they are", f"{score:.3f}")
    seconds = timed(lambda: loaded.fit(own, initial="bundle"))
    tuned = scaled_error(loaded.predict(), truth, own, season)
    row(f"tuned, {loaded.plan_.steps} steps", f"{tuned:.3f}")
    row("", f"{seconds:.1f} s")
    fresh = Forecaster(**settings)
    seconds = timed(lambda: fresh.fit(own))
    anew = scaled_error(fresh.predict(), truth, own, season)
    row(f"anew, {fresh.plan_.steps} steps", f"{anew:.3f}", anew / tuned, "of the tuned one")
    row("", f"{seconds:.1f} s")


def scaled_error(forecast: pd.DataFrame, truth: pd.DataFrame, past: pd.DataFrame, season: int) -> float:
    """Mean over series of the mean absolute error over that of the season before, in the past."""
    both = truth.merge(forecast, on=["unique_id", "ds"])
    error = (both["y"] - both["TCN"]).abs().groupby(both["unique_id"]).mean()
    naive = past.groupby("unique_id")["y"].apply(lambda y: y.diff(season).abs().mean())
    return float((error / naive[naive > 0]).mean())


def synthetic() -> pd.DataFrame:
    """Numbers of the same form, to see that the script runs."""
    rng = np.random.default_rng(0)
    months = pd.date_range("2015-01-01", periods=60, freq="MS")
    season = np.sin(2 * np.pi * np.arange(60) / 12)
    parts = [
        pd.DataFrame({"unique_id": f"s{i}", "ds": months, "y": 20 + 5 * season + rng.normal(size=60)})
        for i in range(6)
    ]
    return pd.concat(parts, ignore_index=True)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--set", default="m1_monthly", help="which file")
    options.add_argument("--horizon", type=int, default=18)
    options.add_argument("--season", type=int, default=12)
    options.add_argument("--preset", default="default", help="how much training to spend")
    given = parsed(options)
    tiny = {"max_steps": 0, "ensemble": 1, "filters": 4, "dilations": (1,)}
    settings = tiny if given.small else {"preset": given.preset}
    main(given.data, given.set, 6 if given.small else given.horizon, given.season, settings)
