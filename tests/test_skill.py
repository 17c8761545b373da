"""Skill, its significance, and the diagnostic for shifted copies."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipelines.baselines import add_baselines
from pipelines.folds import Folds
from pipelines.metrics import evaluate
from pipelines.panel import Panel
from pipelines.shift import shift_diagnostic
from pipelines.skill import Losses, diebold_mariano, skill_table


def losses(by_series, by_window, levels=("80",), wql=None) -> Losses:
    by_series, by_window = np.array(by_series, dtype=float), np.array(by_window, dtype=float)
    mae = float(np.nanmean(by_series))
    return Losses(mae, mae / 10 if wql is None else wql, levels, by_series, by_window)


def slow_diebold_mariano(d: list[float], h: int) -> tuple[float, float]:
    n = len(d)
    mean = sum(d) / n
    gamma = [sum((d[t] - mean) * (d[t - k] - mean) for t in range(k, n)) / n for k in range(h)]
    variance = gamma[0] + 2 * sum(gamma[1:])
    if variance <= 0:
        variance = gamma[0] + 2 * sum((1 - k / h) * gamma[k] for k in range(1, h))
    statistic = mean / math.sqrt(variance / n) * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    return statistic, 2 * stats.t.sf(abs(statistic), n - 1)


@given(
    d=st.lists(st.floats(-5, 5).map(lambda v: round(v, 2)), min_size=8, max_size=20),
    h=st.integers(1, 4),
)
def test_diebold_mariano_equals_its_definition(d, h):
    if np.ptp(d) < 0.05 or abs(sum(d)) < 1e-9:
        return
    assert diebold_mariano(np.array(d), h) == pytest.approx(slow_diebold_mariano(d, h), rel=1e-6, abs=1e-12)


def test_diebold_mariano_of_one_step_is_a_paired_t_test_shrunk():
    d = np.random.default_rng(0).normal(0.3, 1, 25)
    t = stats.ttest_1samp(d, 0)
    assert diebold_mariano(d)[0] == pytest.approx(t.statistic, rel=1e-9)
    assert diebold_mariano(d)[1] == pytest.approx(t.pvalue, rel=1e-9)
    assert diebold_mariano(-d)[1] == pytest.approx(t.pvalue, rel=1e-9)


def test_diebold_mariano_is_calibrated_under_overlap():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(2000, 62))
    moving = noise[:, 2:] + noise[:, 1:-1] + noise[:, :-2]
    rejected = np.mean([diebold_mariano(d, 3)[1] < 0.05 for d in moving])
    naive = np.mean([diebold_mariano(d, 1)[1] < 0.05 for d in moving])
    assert 0.02 < rejected < 0.09 < naive


def test_diebold_mariano_without_variance():
    assert diebold_mariano(np.zeros(6)) == (0.0, 1.0)
    assert diebold_mariano(np.full(6, 0.5)) == (math.inf, 0.0)
    assert diebold_mariano(np.array([1.0, -1, 1, -1, 1, -1.0]), 2) == (0.0, 1.0)


def test_windows_are_compared_if_there_are_enough():
    naive = losses([4, 4], [4, 5, 3, 4, 4, 4, 5, 3])
    model = losses([2, 2], [2, 2.6, 1.4, 2.1, 1.9, 2, 2.4, 1.6])
    table = skill_table({"TCN": model, "SeasonalNaive": naive})
    row = table.loc["TCN"]
    assert row["test"] == "Diebold-Mariano"
    assert row["p_value"] == diebold_mariano(naive.by_window - model.by_window)[1]
    assert (row["skill_mae"], row["skill_wql"], row["series_won"]) == (0.5, 0.5, 1.0)
    assert row["significant"]
    own = table.loc["SeasonalNaive"]
    assert (own["skill_mae"], own["p_value"], own["series_won"], own["significant"]) == (0, 1, 0.5, False)
    overlapping = skill_table({"TCN": model, "SeasonalNaive": naive}, overlap=2).loc["TCN"]
    assert overlapping["p_value"] == diebold_mariano(naive.by_window - model.by_window, 2)[1]
    assert skill_table({"TCN": model, "SeasonalNaive": naive}, overlap=3).loc["TCN", "test"] == "none"


@given(n=st.integers(1, 400), windows=st.integers(1, 9), overlap=st.integers(1, 4))
def test_series_are_no_substitute_for_windows(n, windows, overlap):
    """Any number of series that all win the same few windows proves nothing of other windows."""
    gains = np.linspace(0.5, 0.9, windows)
    naive, model = losses([1.0] * n, [1.0] * windows), losses([0.5] * n, 1 - gains)
    row = skill_table({"TCN": model, "SeasonalNaive": naive}, overlap).loc["TCN"]
    enough = windows >= max(5, 4 * overlap)
    assert row["test"] == ("Diebold-Mariano" if enough else "none")
    assert np.isnan(row["p_value"]) != enough
    assert row["significant"] == (enough and row["p_value"] < 0.05)
    assert row["series_won"] == 1


def test_the_test_holds_its_level_when_series_move_together():
    """Equally good models, whose errors differ by what all series share: 5 % may be called significant."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(400):
        shared = rng.normal(size=10)
        each = shared + 0.1 * rng.normal(size=(50, 10))  # (series, windows) difference in loss
        naive = losses(np.full(50, 9.0), np.full(10, 9.0))
        model = losses(9 - each.mean(axis=1), 9 - each.mean(axis=0))
        found.append(skill_table({"TCN": model, "SeasonalNaive": naive}).loc["TCN", "p_value"] < 0.05)
    assert 0.02 < np.mean(found) < 0.09


def test_a_significant_loss_is_not_significant_skill():
    naive, model = losses([1.0] * 20, [1.0] * 8), losses(np.linspace(1.2, 2, 20), np.linspace(1.4, 1.6, 8))
    row = skill_table({"TCN": model, "SeasonalNaive": naive}).loc["TCN"]
    assert row["p_value"] < 0.01
    assert row["skill_mae"] < 0
    assert not row["significant"]


def test_ties_count_half():
    naive, model = losses([1.0, 0.0, 0.0, 2, 2, 2, 3, 1], [1]), losses([1.0, 0.0, 0.0, 1, 1, 1, 1, 0], [1])
    assert skill_table({"TCN": model, "SeasonalNaive": naive}).loc["TCN", "series_won"] == (3 * 0.5 + 5) / 8


@given(mae=st.floats(0, 1e9))
def test_an_exact_reference_is_beaten_by_nothing(mae):
    naive, model = losses([0.0] * 3, [0.0] * 6), losses([mae] * 3, [mae] * 6)
    row = skill_table({"TCN": model, "SeasonalNaive": naive}).loc["TCN"]
    assert row["skill_mae"] == row["skill_wql"] == (-math.inf if mae / 10 > 0 else 0)
    assert not row["significant"]


def test_what_cannot_be_compared_is_missing():
    model, other_levels = losses([1.0], [1]), losses([1.0], [1], levels=())
    table = skill_table({"TCN": other_levels, "SeasonalNaive": model})
    assert table.loc["TCN", "skill_mae"] == 0
    assert np.isnan(table.loc["TCN", "skill_wql"])
    alone = skill_table({"TCN": model})
    assert alone.loc["TCN", ["skill_mae", "skill_wql", "p_value", "series_won"]].isna().all()
    assert alone.loc["TCN", "test"] == "none"


def backtest_of(y: np.ndarray, windows: int, horizon: int, season: int, step: int | None = None):
    """A panel of the rows of y and a backtest of its last windows with all baselines."""
    n_series, n = y.shape
    ids = [f"s{i}" for i in range(n_series)]
    long = pd.DataFrame(
        {"unique_id": np.repeat(ids, n), "ds": np.tile(np.arange(n), n_series), "y": y.ravel()}
    )
    panel = Panel.from_frame(long, freq=1)
    cutoffs = [n - 1 - horizon - w * (step or horizon) for w in range(windows)]
    parts = [long[(long["ds"] > c) & (long["ds"] <= c + horizon)].assign(cutoff=c) for c in cutoffs]
    return panel, add_baselines(pd.concat(parts, ignore_index=True), panel, season, [])


def test_the_windows_of_a_backtest_reach_the_test():
    rng = np.random.default_rng(4)
    y = np.tile(np.sin(np.arange(84) * 2 * np.pi / 7) * 5, (3, 1)) + rng.normal(size=(3, 84))
    for step, overlap in ((4, 1), (2, 2)):
        panel, frame = backtest_of(y, 8, 4, 7, step)
        frame["M"] = 5 * np.sin(frame["ds"] * 2 * np.pi / 7)
        row = evaluate(frame, panel, 7).skill.loc["M"]
        gain = (frame["y"] - frame["SeasonalNaive"]).abs() - (frame["y"] - frame["M"]).abs()
        d = gain.groupby(frame["cutoff"]).mean().to_numpy()
        assert row["test"] == "Diebold-Mariano"
        assert row["p_value"] == pytest.approx(diebold_mariano(d, overlap)[1])
        assert row["significant"]


def seasonal(n_series: int, n: int, season: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Series and what is knowable of them: level, season and its slow drift."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    shape = rng.normal(size=(n_series, season)).cumsum(axis=1)
    shape = (shape - shape.mean(axis=1, keepdims=True)) / shape.std(axis=1, keepdims=True)
    signal = 10 + np.take(shape, t % season, axis=1) * 3
    return signal + rng.normal(size=(n_series, n)) * noise, signal


def diagnose(panel: Panel, frame: pd.DataFrame, forecast: np.ndarray, season: int) -> dict:
    folds = Folds.from_frame(frame, panel)
    return shift_diagnostic(
        "TCN", np.asarray(forecast, dtype=float), frame["y"].to_numpy(), folds, panel, season
    )


@settings(max_examples=25)
@given(
    n_series=st.integers(1, 4),
    season=st.sampled_from([4, 7, 12, 24]),
    horizon=st.sampled_from([1, 5, 24]),
    windows=st.integers(1, 5),
    noise=st.sampled_from([0.3, 1.0]),
    seed=st.integers(0, 99),
)
def test_copies_are_caught_and_good_forecasts_are_not(n_series, season, horizon, windows, noise, seed):
    y, signal = seasonal(n_series, 220, season, noise, seed)
    panel, frame = backtest_of(y, windows, horizon, season)
    assert diagnose(panel, frame, frame["Naive"], season)["verdict"] == "repeats last value"
    copy = diagnose(panel, frame, frame["SeasonalNaive"], season)
    assert copy["verdict"] == "repeats last season"
    assert copy["distance_last_season"] == 0
    good = signal[frame["unique_id"].str[1:].astype(int), frame["ds"]]
    if len(frame) >= 20:  # of fewer rows, one may lie on a copy by chance
        verdict = diagnose(panel, frame, good, season)
        assert verdict["verdict"] == "ok"
        assert "is no shifted copy" in verdict["text"]


@pytest.mark.parametrize("seed", range(3))
def test_blurred_copies_are_caught(seed):
    y, _ = seasonal(3, 400, 12, 1.0, seed)
    panel, frame = backtest_of(y, 8, 12, 12)
    blur = np.random.default_rng(seed).normal(size=len(frame)) * 0.15
    result = diagnose(panel, frame, frame["SeasonalNaive"] + blur, 12)
    assert result["verdict"] == "repeats last season"
    assert result["best_lag"] == 12
    assert "12 steps earlier" in result["text"]
    shrunk = 10 + 0.93 * (frame["SeasonalNaive"] - 10)
    assert diagnose(panel, frame, shrunk, 12)["verdict"] == "repeats last season"


def test_one_step_late_is_caught():
    """The classic: a random walk, forecast one step ahead by its last value and some noise."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(1, 400)).cumsum(axis=1)
    panel, frame = backtest_of(y, 150, 1, 24)
    late = frame["Naive"] + rng.normal(size=len(frame)) * 0.05
    result = diagnose(panel, frame, late, 24)
    assert result["verdict"] == "repeats last value"
    assert result["best_lag"] == 1
    assert result["best_correlation"] > result["correlation"]


@pytest.mark.parametrize("noise", [0.2, 1.0, 3.0])
def test_averaging_seasons_is_no_copy(noise):
    y, _ = seasonal(5, 400, 24, noise, 7)
    panel, frame = backtest_of(y, 6, 24, 24)
    row = frame["unique_id"].str[1:].astype(int).to_numpy()
    means = np.mean([y[row, frame["ds"] - 24 * k] for k in range(1, 5)], axis=0)
    assert diagnose(panel, frame, means, 24)["verdict"] == "ok"


def test_perfect_forecasts_are_no_copies():
    y, _ = seasonal(2, 200, 7, 1.0, 1)
    panel, frame = backtest_of(y, 4, 7, 7)
    result = diagnose(panel, frame, frame["y"], 7)
    assert result["verdict"] == "ok"
    assert (result["best_lag"], round(result["best_correlation"], 9)) == (0, 1)
    assert result["distance_last_value"] == result["distance_last_season"] == 1


def test_data_that_repeat_themselves_accuse_nobody():
    panel, frame = backtest_of(np.full((2, 40), 5.0), 2, 4, 7)
    result = diagnose(panel, frame, frame["Naive"], 7)
    assert result["verdict"] == "ok"
    assert "cannot be told" in result["text"]
    assert {result[name] for name in ("distance_last_value", "best_lag", "correlation")} == {None}


def test_gaps_and_a_history_that_ends_early_are_left_out():
    y, _ = seasonal(3, 200, 7, 1.0, 2)
    y[np.random.default_rng(0).random(y.shape) < 0.2] = np.nan
    panel, frame = backtest_of(y, 5, 7, 7)
    frame = frame.dropna(subset="y")
    known = frame["SeasonalNaive"].to_numpy()
    assert diagnose(panel, frame, known, 7)["verdict"] == "repeats last season"
    first = Panel.from_frame(panel.to_frame().query(f"ds <= {frame['cutoff'].min()}"), freq=1)
    assert diagnose(first, frame, known, 7)["verdict"] == "repeats last season"


def test_large_backtests_are_sampled_alike(monkeypatch):
    y, _ = seasonal(20, 200, 7, 1.0, 3)
    panel, frame = backtest_of(y, 5, 14, 7)
    whole = diagnose(panel, frame, frame["Drift"], 7)
    monkeypatch.setattr("pipelines.shift._MAX_ROWS", 700)
    part = diagnose(panel, frame, frame["Drift"], 7)
    assert part == diagnose(panel, frame, frame["Drift"], 7)
    assert part["verdict"] == whole["verdict"]
    assert part["distance_last_season"] == pytest.approx(whole["distance_last_season"], rel=0.1)
    assert part["best_correlation"] == pytest.approx(whole["best_correlation"], abs=0.1)
