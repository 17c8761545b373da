"""Anomalies that are known, and anomalies that were put in: how many are found, and how many others.

nyc_taxi, taxi passengers of New York by half hours (Numenta Anomaly Benchmark, github.com/numenta/NAB): with
all settings at their defaults, a network learns from the first third of the rows and is calibrated on the
next sixth; the newer half is searched, which holds five events that are known. The bar: four of them overlap
an interval, and at most ten intervals overlap none.

The other sets: how many intervals are found in the newer half as it is, beside the false alarms that were
asked for (real anomalies count as false here, as nobody has marked them); then the same with one stretch in
thirty horizons changed in one of five ways, and how many of these are found.

The data are not shipped. `--data` is a folder of Parquet or CSV files with `unique_id`, `ds`, `y`, named by
the sets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from _data import load, parsed, parser
from _injected import KINDS, injected
from _timing import row, timed

# Horizon of each set, and rows of each series that are taken, the newest.
SETS = {
    "bike_sharing_hourly": (24, 10_000),
    "pedestrian": (24, 6_000),
    "vic_elec": (48, 8_000),
    "etth1": (24, 6_000),
    "beijing_pm25": (24, 8_000),
    "m5_store_dept": (7, 447),
    "us_births": (7, 3_000),
}
EVENTS = {
    "marathon, clocks set back": ("2014-11-02", "2014-11-02"),
    "Thanksgiving": ("2014-11-27", "2014-11-27"),
    "Christmas": ("2014-12-25", "2014-12-25"),
    "New Year": ("2015-01-01", "2015-01-01"),
    "snow storm": ("2015-01-26", "2015-01-27"),
}
SEEDS = 3  # of places, where there is one series


def main(data: Path | None, names: list[str], preset: str, small: bool) -> None:
    """Print what is found in each set."""
    if data is None:
        measure("made up", made_up(), 7, preset, small)
        return
    if "nyc_taxi" in names:
        taxi(load(data, "nyc_taxi"))
    for name in (name for name in names if name in SETS):
        horizon, rows = SETS[name]
        frame = load(data, name)
        measure(name, frame.groupby("unique_id").tail(rows), horizon, preset, small)


def taxi(frame: pd.DataFrame) -> None:
    """Search for the known events, all settings at their defaults."""
    from pipelines.anomaly import detect, score_intervals

    found: list[pd.DataFrame] = []
    seconds = timed(lambda: found.append(detect(frame, horizon=48)))
    [anomalies] = found
    print(f"nyc_taxi: {len(anomalies)} intervals in {seconds:.0f} s, the fit included")
    name = frame["unique_id"].iloc[0]
    events = pd.DataFrame(
        [(name, first, f"{last} 23:30") for first, last in EVENTS.values()],
        columns=["unique_id", "start", "end"],
    )
    each = {event: score_intervals(anomalies, events.iloc[[i]], "30min") for i, event in enumerate(EVENTS)}
    whole = score_intervals(anomalies, events, "30min")
    for _, interval in anomalies.iterrows():
        own = pd.DataFrame([interval])
        overlapped = [
            event for i, event in enumerate(EVENTS) if score_intervals(own, events.iloc[[i]], "30min").true
        ]
        days = f"{interval['start']:%m-%d %H:%M} to {interval['end']:%m-%d %H:%M}"
        row(f"  {days}", f"p = {interval['p_value']:.3f}", None)
        print(f"      {interval['direction']}: {', '.join(overlapped) or 'none of the events'}")
    missed = [event for event, scores in each.items() if not scores.detected]
    row("events that overlap an interval (bar: 4)", f"{whole.detected} of {whole.events}")
    row("intervals that overlap none (bar: 10)", str(whole.false_alarms))
    print(f"  missed: {', '.join(missed) or 'none'}", flush=True)


def measure(name: str, frame: pd.DataFrame, horizon: int, preset: str, small: bool) -> None:
    """Search a set as it is, and with changes."""
    from pipelines import Forecaster, Panel
    from pipelines.anomaly import Detector, score_intervals

    settings = {"max_steps": 30, "ensemble": 1, "filters": 4, "dilations": (1,)} if small else {}
    panel = Panel.from_frame(frame)
    forecaster = Forecaster(horizon=horizon, preset=preset, **settings)
    detector = Detector.learn(panel, forecaster)
    clean = detector.search(panel)
    print(f"{name}: {panel.n_series} series, {horizon} steps ahead, {len(clean.rows):,} rows searched")
    expected = clean.expected_false_alarms
    count = len(clean.anomalies)
    row("intervals in the data as they are", f"{count}, asked {expected:.1f}", count / expected, "as asked")
    for kind in ["spike"] if small else KINDS:
        totals = np.zeros(4)
        for seed in range(SEEDS if panel.n_series == 1 and not small else 1):
            changed, events = injected(panel, kind, horizon, seed)
            found = detector.detect(changed)
            scores = score_intervals(found, events, panel.freq)
            both = pd.concat([events, clean.anomalies[["unique_id", "start", "end"]]])
            others = score_intervals(found, both, panel.freq).false_alarms
            totals += (scores.detected, scores.events, scores.true, others)
        detected, known, true, others = totals.astype(int)
        share = true / (true + others) if true + others else float("nan")
        row(f"  {kind}: recall", f"{detected} of {known} = {detected / max(known, 1):.2f}")
        row("    precision, intervals in the data as they are left out", f"{share:.2f}")


def made_up() -> pd.DataFrame:
    """Series of the same form, to see that the script runs."""
    rng, days = np.random.default_rng(0), np.arange(600)
    values = {name: 20 + 5 * np.sin(days * 2 * np.pi / 7) + rng.normal(size=600) for name in "ab"}
    stamps = pd.date_range("2024-01-01", periods=600)
    return pd.concat(
        [pd.DataFrame({"unique_id": name, "ds": stamps, "y": y}) for name, y in values.items()],
        ignore_index=True,
    )


if __name__ == "__main__":
    options = parser(__doc__)
    choices = ["nyc_taxi", *SETS]
    options.add_argument("--sets", nargs="+", choices=choices, default=choices, help="which of them")
    options.add_argument("--preset", default="fast", help="how much training to spend on all but nyc_taxi")
    given = parsed(options)
    main(given.data, given.sets, given.preset, given.small)
