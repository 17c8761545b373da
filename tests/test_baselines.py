"""Baselines against slow oracles, and what they may not depend on."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import residuals
from pipelines.baselines import add_baselines, forecast_baselines
from pipelines.errors import ConfigError, PanelError
from pipelines.folds import BASELINES
from pipelines.metrics import evaluate
from pipelines.panel import Panel

Z80 = NormalDist().inv_cdf(0.9)


def panel_of(*series: list[float], freq: int = 1) -> Panel:
    frames = [
        pd.DataFrame({"unique_id": f"s{i}", "ds": np.arange(1, len(y) + 1), "y": np.array(y, dtype=float)})
        for i, y in enumerate(series)
    ]
    return Panel.from_frame(pd.concat(frames), freq=freq)


def backtest_of(panel: Panel, horizon: int, cutoffs: dict[str, list[int]]) -> pd.DataFrame:
    """One row for each series, integer cutoff and step; y from the panel where it is there."""
    known = panel.to_frame().set_index(["unique_id", "ds"])["y"]
    rows = [
        {"unique_id": uid, "ds": cutoff + k, "cutoff": cutoff, "y": known.get((uid, cutoff + k), np.nan)}
        for uid, at in cutoffs.items()
        for cutoff in at
        for k in range(1, horizon + 1)
    ]
    return pd.DataFrame(rows)


def slow(y: list[float], step: int, m: int) -> dict[str, tuple[float, float]]:
    """Point and standard deviation of each baseline, written from the definitions, one value at a time."""
    seen = [(t, v) for t, v in enumerate(y) if not math.isnan(v)]
    if not seen:
        return dict.fromkeys(BASELINES, (0.0, 0.0))
    (first_t, first), (last_t, last) = seen[0], seen[-1]
    target = len(y) - 1 + step
    ahead = target - last_t
    moves = [(b - a, t - s) for (s, a), (t, b) in pairwise(seen)]
    walk = sum(move**2 / gap for move, gap in moves) / len(moves) if moves else 0.0

    slope = (last - first) / (last_t - first_t) if moves else 0.0
    noise = walk
    if len(moves) > 1:
        noise = sum((move - slope * gap) ** 2 / gap for move, gap in moves) / (len(moves) - 1)
    drift_variance = noise * ahead * (1 + ahead / max(last_t - first_t, 1))

    same = [(t, v) for t, v in seen if (target - t) % m == 0]
    jumps = []
    for t, v in seen:
        earlier = [(s, a) for s, a in seen if s < t and (t - s) % m == 0]
        if earlier:
            s, a = earlier[-1]
            jumps.append((v - a) ** 2 / ((t - s) // m))
    source_t, source = same[-1] if same else (last_t, last)
    season_variance = walk * (target - source_t)
    if same and jumps:
        season_variance = sum(jumps) / len(jumps) * ((target - source_t) // m)

    window = m if m > 1 else residuals.WINDOW_WITHOUT_SEASON

    def mean_before(end: int) -> float:
        inside = [v for t, v in seen if end - window <= t < end]
        return sum(inside) / len(inside) if inside else [v for t, v in seen if t < end][-1]

    misses = [(v - mean_before(t)) ** 2 for t, v in seen[1:]]
    return {
        "Naive": (last, math.sqrt(walk * ahead)),
        "SeasonalNaive": (source, math.sqrt(season_variance)),
        "Drift": (last + slope * ahead, math.sqrt(drift_variance)),
        "WindowAverage": (mean_before(len(y)), math.sqrt(sum(misses) / len(misses)) if misses else 0.0),
    }


values = st.one_of(st.just(math.nan), st.floats(-1e3, 1e3).map(lambda v: round(v, 3)))


@given(
    series=st.lists(st.lists(values, min_size=2, max_size=14), min_size=1, max_size=4),
    m=st.integers(1, 5),
    data=st.data(),
)
def test_every_baseline_equals_its_definition_at_every_cutoff(series, m, data):
    panel = panel_of(*series)
    cutoffs = {
        f"s{i}": sorted(data.draw(st.sets(st.integers(1, len(y)), min_size=1, max_size=3)))
        for i, y in enumerate(series)
    }
    frame = add_baselines(backtest_of(panel, 7, cutoffs), panel, m, levels=[80])
    for row in frame.to_dict("records"):
        known = series[int(row["unique_id"][1:])][: row["cutoff"]]
        for name, (point, spread) in slow(known, row["ds"] - row["cutoff"], m).items():
            # Sums of squares lose half the digits where all but one of them cancel.
            scale = max([abs(v) for v in known if not math.isnan(v)], default=0.0) + 1
            assert row[name] == pytest.approx(point, abs=1e-9 * scale)
            assert row[f"{name}-hi-80"] - row[name] == pytest.approx(Z80 * spread, abs=1e-5 * scale)
            assert row[name] - row[f"{name}-lo-80"] == pytest.approx(Z80 * spread, abs=1e-5 * scale)


@given(
    series=st.lists(st.lists(values, min_size=1, max_size=12), min_size=1, max_size=4),
    m=st.integers(1, 4),
    horizon=st.integers(1, 6),
)
def test_the_future_is_forecast_as_by_a_backtest_from_the_last_row(series, m, horizon):
    panel = panel_of(*series)
    backtest = backtest_of(panel, horizon, {f"s{i}": [len(y)] for i, y in enumerate(series)})
    expected = add_baselines(backtest, panel, m).drop(columns=["cutoff", "y"])
    pd.testing.assert_frame_equal(forecast_baselines(panel, horizon, m), expected, check_dtype=False)


def test_the_future_and_other_series_do_not_move_a_bit():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(3, 40)) * [[1.0], [1e-6], [1e9]]
    changed = y.copy()
    changed[:, 30:] = rng.normal(size=(3, 10)) * 1e12
    changed[1, 33] = np.nan
    changed[0] = rng.normal(size=40) * 1e12
    before, after = panel_of(*y.tolist()), panel_of(*changed.tolist())
    cutoffs = {"s1": [5, 12, 30], "s2": [7, 30]}
    one = add_baselines(backtest_of(before, 9, cutoffs), before, 7)
    other = add_baselines(backtest_of(after, 9, cutoffs), after, 7)
    pd.testing.assert_frame_equal(one.drop(columns="y"), other.drop(columns="y"), check_exact=True)


def test_blocks_of_series_give_the_same_bits_as_one_block(monkeypatch):
    rng = np.random.default_rng(0)
    panel = panel_of(*[rng.normal(size=n).tolist() for n in (3, 50, 1, 17, 40, 2)])
    whole = forecast_baselines(panel, 5, 4)
    monkeypatch.setattr(residuals, "_BLOCK_ROWS", 20)
    pd.testing.assert_frame_equal(forecast_baselines(panel, 5, 4), whole, check_exact=True)


def test_order_of_rows_does_not_matter():
    panel = panel_of([1, 5, 2, 6, 3], [9, 8, 7, 6, 5, 4])
    backtest = backtest_of(panel, 2, {"s0": [3, 4], "s1": [2, 4]})
    shuffled = backtest.sample(frac=1, random_state=1)
    expected = add_baselines(backtest, panel, 2)
    pd.testing.assert_frame_equal(add_baselines(shuffled, panel, 2).loc[backtest.index], expected)


@given(level=st.floats(0.5, 3), slope=st.floats(-2, 2))
def test_a_line_is_what_drift_knows(level, slope):
    panel = panel_of([level + slope * t for t in range(20)])
    frame = forecast_baselines(panel, 5, 1)
    np.testing.assert_allclose(frame["Drift"], level + slope * np.arange(20, 25), atol=1e-9)
    np.testing.assert_allclose(frame["Drift-hi-95"], frame["Drift"], atol=1e-5)


def test_a_season_is_what_seasonal_naive_knows():
    season = [3.0, 1.0, 4.0]
    frame = forecast_baselines(panel_of(season * 4), 7, 3)
    assert frame["SeasonalNaive"].tolist() == [3, 1, 4, 3, 1, 4, 3]
    assert (frame["SeasonalNaive-lo-95"] == frame["SeasonalNaive-hi-95"]).all()


def test_a_constant_is_forecast_exactly_without_width():
    frame = forecast_baselines(panel_of([0.1] * 30), 10, 7).drop(columns=["unique_id", "ds"])
    assert (frame == 0.1).all(axis=None)


def test_intervals_widen_as_the_book_says():
    rng = np.random.default_rng(1)
    frame = forecast_baselines(panel_of(rng.normal(size=200).cumsum().tolist()), 8, 4, [80])
    width = {name: (frame[f"{name}-hi-80"] - frame[name]).to_numpy() for name in BASELINES}
    k = np.arange(1, 9)
    np.testing.assert_allclose(width["Naive"], width["Naive"][0] * np.sqrt(k))
    np.testing.assert_allclose(width["SeasonalNaive"], width["SeasonalNaive"][0] * np.sqrt((k - 1) // 4 + 1))
    expected = np.sqrt(k * (1 + k / 199) / (1 + 1 / 199))
    np.testing.assert_allclose(width["Drift"], width["Drift"][0] * expected)
    np.testing.assert_allclose(width["WindowAverage"], width["WindowAverage"][0])


def test_intervals_of_a_random_walk_hold_what_they_promise():
    rng = np.random.default_rng(5)
    walks = rng.normal(size=(300, 110)).cumsum(axis=1)
    panel = panel_of(*walks.tolist())
    frame = add_baselines(backtest_of(panel, 10, {f"s{i}": [100] for i in range(300)}), panel, 1, [80])
    for name in ("Naive", "Drift"):
        inside = frame["y"].between(frame[f"{name}-lo-80"], frame[f"{name}-hi-80"]).mean()
        assert 0.74 < inside < 0.86


def test_nothing_and_one_observation():
    nan = math.nan
    panel = panel_of([nan, nan, nan], [nan, 4.0, nan], [7.0])
    frame = forecast_baselines(panel, 3, 2).set_index("unique_id").drop(columns="ds")
    assert (frame.loc["s0"] == 0).all(axis=None)
    assert (frame.loc["s1"] == 4).all(axis=None)
    assert (frame.loc["s2"] == 7).all(axis=None)


def test_a_panel_without_any_observation():
    frame = forecast_baselines(panel_of([math.nan] * 4), 2, 3).drop(columns=["unique_id", "ds"])
    assert (frame == 0).all(axis=None)


def test_a_series_shorter_than_a_season_falls_back_to_the_last_value_with_its_spread():
    frame = forecast_baselines(panel_of([1.0, 3.0, 2.0]), 12, 12, [80])
    assert frame["SeasonalNaive"].tolist() == [2.0] * 9 + [1.0, 3.0, 2.0]
    assert (frame["SeasonalNaive-hi-80"] > frame["SeasonalNaive"]).all()


def test_an_old_last_value_has_a_wider_interval():
    fresh = forecast_baselines(panel_of([1.0, 3.0, 2.0, 4.0]), 3, 1, [80])
    stale = forecast_baselines(panel_of([1.0, 3.0, 2.0, 4.0, math.nan, math.nan]), 1, 1, [80])
    assert stale["Naive-hi-80"].iloc[0] == fresh["Naive-hi-80"].iloc[2]
    assert stale["Drift"].iloc[0] == fresh["Drift"].iloc[2]


@pytest.mark.parametrize("freq", ["h", "D", "MS", "W-SUN", "B", "QE-DEC"])
@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_calendar_stamps_and_time_zones(freq, tz):
    stamps = pd.date_range("2024-03-25", periods=30, freq=freq, tz=tz)
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": np.arange(30.0)})
    panel = Panel.from_frame(frame, freq=freq)
    backtest = frame.tail(6).assign(cutoff=stamps[23])
    result = add_baselines(backtest, panel, 5)
    assert result["Naive"].tolist() == [23.0] * 6
    assert result["SeasonalNaive"].tolist() == [19.0, 20, 21, 22, 23, 19]
    future = forecast_baselines(panel.before(6), 6, 5)
    assert future["ds"].tolist() == backtest["ds"].tolist()
    np.testing.assert_array_equal(future["Drift"], result["Drift"])


def test_custom_columns_kept_columns_and_index():
    frame = pd.DataFrame({"store": [7] * 6, "week": range(6), "sold": [1.0, 2, 3, 4, 5, 6]})
    panel = Panel.from_frame(frame, freq=1, id_col="store", time_col="week", target_col="sold")
    backtest = frame.tail(2).assign(cutoff=3, Mine=[5.0, 6.0])
    copy = backtest.copy()
    result = add_baselines(backtest, panel, 2, levels=[97.5])
    pd.testing.assert_frame_equal(backtest, copy)
    pd.testing.assert_frame_equal(result[backtest.columns], backtest)
    assert list(result.columns[5:8]) == ["Naive", "Naive-lo-97.5", "Naive-hi-97.5"]
    assert list(forecast_baselines(panel, 1, 2, [80]).columns[:3]) == ["store", "week", "Naive"]
    pd.testing.assert_frame_equal(add_baselines(result, panel, 2, levels=[97.5]), result)


def test_a_cutoff_outside_the_panel_is_named():
    panel = panel_of([1.0, 2, 3])
    backtest = pd.DataFrame({"unique_id": ["s0", "other"], "ds": [4, 4], "cutoff": [3, 3], "y": [1.0, 1.0]})
    with pytest.raises(PanelError, match=r"1 that are not, first 3 in series 'other'"):
        add_baselines(backtest, panel, 1)
    with pytest.raises(PanelError, match=r"first 9 in series 's0'"):
        add_baselines(backtest.head(1).assign(cutoff=9, ds=10), panel, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"season_length": 0}, "season_length must be"),
        ({"levels": [80, 100]}, "levels must be"),
        ({"horizon": 0}, "horizon must be"),
    ],
)
def test_settings_out_of_range(arguments, message):
    with pytest.raises(ConfigError, match=message):
        forecast_baselines(panel_of([1.0, 2]), **{"horizon": 1, "season_length": 1, **arguments})


extremes = st.sampled_from([1.7e308, -1.7e308, 1e200, -3e160, 1e155, 0.0, 1.0, -2.5, 5e-324, math.nan])


@settings(max_examples=25)
@given(
    y=st.lists(extremes, min_size=12, max_size=40),
    season=st.sampled_from([1, 4, 7]),
    level=st.sampled_from([50, 80, 99.9]),
)
def test_values_at_the_end_of_the_range_of_numbers_give_finite_forecasts(y, season, level):
    history = pd.DataFrame({"unique_id": "a", "ds": range(len(y)), "y": y})
    panel = Panel.from_frame(history, freq=1)
    backtest = history.tail(5).assign(cutoff=len(y) - 6)
    for frame in (
        forecast_baselines(panel, 5, season, [level]),
        add_baselines(backtest, panel, season, [level]),
    ):
        for name in BASELINES:
            low, middle, high = (frame[f"{name}{part}"] for part in (f"-lo-{level:g}", "", f"-hi-{level:g}"))
            assert np.isfinite([low, middle, high]).all()
            assert ((low <= middle) & (middle <= high)).all()
    if backtest["y"].notna().any():
        scores = evaluate(add_baselines(backtest, panel, season, [level]), panel, season)
        assert not (scores.overall["mae"] < 0).any()


@given(season=st.sampled_from([1, 4]), factor=st.sampled_from([2.0**1000, 2.0**600, 2.0**-400]))
def test_baselines_of_huge_series_are_those_of_small_ones_multiplied(season, factor):
    y = np.random.default_rng(0).integers(-9, 9, 30).astype(float)
    small, huge = (
        forecast_baselines(
            Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": range(30), "y": y * f}), freq=1), 3, season
        ).iloc[:, 2:]
        for f in (1.0, factor)
    )
    np.testing.assert_allclose(huge / factor, small, rtol=1e-9)


def test_a_huge_value_moves_no_forecast_before_it():
    y = np.random.default_rng(1).normal(size=40)
    history = pd.DataFrame({"unique_id": "a", "ds": range(40), "y": y})
    backtest = history[20:25].assign(cutoff=19)
    one, two = (
        add_baselines(backtest, Panel.from_frame(history.assign(y=values), freq=1), 7)
        for values in (y, np.where(np.arange(40) == 30, 1.7e308, y))
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
