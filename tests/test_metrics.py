"""Scores against slow oracles and utilsforecast, on data with gaps, zeros and ragged windows."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from utilsforecast import losses

from pipelines import score_cells
from pipelines.baselines import add_baselines
from pipelines.errors import ConfigError, PanelError
from pipelines.metrics import Scores, evaluate, seasonal_scale
from pipelines.panel import Panel

METRICS = ["mae", "rmse", "mape", "smape", "mase", "rmsse", "wql"]


def mean(values: list[float]) -> float:
    values = [v for v in values if not math.isnan(v)]
    return sum(values) / len(values) if values else math.nan


def slow_metrics(rows: list[SimpleNamespace], levels: list[str], scale: dict[str, tuple[float, float]]):
    """Metrics of some rows of one model, from the definitions, one row at a time."""
    rows = [r for r in rows if not math.isnan(r.y)]
    quantiles = [(0.5, "f")]
    for level in levels:
        quantiles += [(0.5 - float(level) / 200, f"lo{level}"), (0.5 + float(level) / 200, f"hi{level}")]
    pinball = 0.0
    for r in rows:
        for q, name in quantiles:
            miss = r.y - getattr(r, name)
            pinball += q * miss if miss >= 0 else (q - 1) * miss
    size = sum(abs(r.y) for r in rows)
    by_series: dict[str, list[SimpleNamespace]] = {}
    for r in rows:
        by_series.setdefault(r.uid, []).append(r)

    def scaled(which: int) -> float:
        ratios = []
        for uid, own in by_series.items():
            error = [abs(r.y - r.f) ** (which + 1) for r in own]
            ratios.append((sum(error) / len(error)) ** (1 / (which + 1)) / scale[uid][which])
        return mean(ratios)

    metrics = {
        "mae": mean([abs(r.y - r.f) for r in rows]),
        "rmse": math.sqrt(mean([(r.y - r.f) ** 2 for r in rows])),
        "mape": mean([100 * abs(r.y - r.f) / abs(r.y) for r in rows if r.y != 0]),
        "smape": mean([200 * abs(r.y - r.f) / (abs(r.y) + abs(r.f)) if r.y != r.f else 0.0 for r in rows]),
        "mase": scaled(0),
        "rmsse": scaled(1),
        "wql": 2 * pinball / size / len(quantiles) if size > 0 else math.nan,
    }
    for level in levels:
        inside = [float(getattr(r, f"lo{level}") <= r.y <= getattr(r, f"hi{level}")) for r in rows]
        metrics[f"coverage_{level}"] = mean(inside)
        metrics[f"width_{level}"] = mean([getattr(r, f"hi{level}") - getattr(r, f"lo{level}") for r in rows])
    return metrics


def slow_scale(y: list[float], m: int) -> tuple[float, float]:
    steps = [abs(b - a) for a, b in zip(y, y[m:], strict=False) if not math.isnan(b - a)]
    if not steps or max(steps) == 0:
        return math.nan, math.nan
    return sum(steps) / len(steps), math.sqrt(sum(s * s for s in steps) / len(steps))


def assert_metrics(row, expected, context):
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), (*context, name)


small = st.integers(-3, 3).map(float)
gappy = st.one_of(small, st.just(math.nan))


@st.composite
def cases(draw):
    """A panel and a ragged backtest of two models: levels differ, cutoffs differ, some y are unknown or 0."""
    history = {
        f"s{i}": draw(st.lists(gappy, min_size=6, max_size=10)) for i in range(draw(st.integers(1, 3)))
    }
    rows = []
    for uid, y in history.items():
        for cutoff in draw(st.sets(st.integers(0, len(y) - 1), min_size=1, max_size=3)):
            for k in range(1, draw(st.integers(1, 3)) + 1):
                actual = y[cutoff + k] if cutoff + k < len(y) else math.nan
                bounds = sorted(draw(st.tuples(small, small, small, small)))
                rows.append(
                    {
                        "unique_id": uid, "ds": cutoff + k, "cutoff": cutoff, "y": actual, "A": draw(small),
                        "A-lo-50": bounds[1], "A-hi-50": bounds[2], "A-lo-97.5": bounds[0],
                        "A-hi-97.5": bounds[3], "B": draw(small),
                    }
                )  # fmt: skip
    frame = pd.DataFrame(rows)
    frame = frame.sample(frac=1, random_state=draw(st.integers(0, 99)))
    long = pd.concat(
        [pd.DataFrame({"unique_id": uid, "ds": range(len(y)), "y": y}) for uid, y in history.items()]
    )
    return history, long, frame


@settings(max_examples=40)
@given(case=cases(), m=st.integers(1, 3), block=st.sampled_from([2, 7, 2**19]))
def test_every_table_equals_the_definitions(case, m, block):
    history, long, frame = case
    if frame["y"].isna().all():
        with pytest.raises(PanelError, match="at least one row with a known 'y'"):
            evaluate(frame, long, m, freq=1)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_cells, "_BLOCK_ROWS", block)
        scores = evaluate(frame, long, m, freq=1)
    first = frame.groupby("unique_id")["cutoff"].min()
    scale = {uid: slow_scale(y[: first[uid] + 1], m) for uid, y in history.items()}
    for model, levels in (("A", ["50", "97.5"]), ("B", [])):
        rows = [
            SimpleNamespace(
                uid=r["unique_id"], cutoff=r["cutoff"], step=r["ds"] - r["cutoff"], y=r["y"], f=r[model],
                **{f"{side}{n}": r[f"{model}-{side}-{n}"] for n in levels for side in ("lo", "hi")},
            )
            for r in frame.to_dict("records")
        ]  # fmt: skip
        assert_metrics(scores.overall.loc[model], slow_metrics(rows, levels, scale), (model,))
        tables = ((scores.by_series, "unique_id", "uid"), (scores.by_step, "step", "step"),
                  (scores.by_cutoff, "cutoff", "cutoff"))  # fmt: skip
        for table, column, attribute in tables:
            own = table[table["model"] == model].set_index(column)
            assert own.index.is_unique
            known = {getattr(r, attribute) for r in rows if not math.isnan(r.y)}
            assert known <= set(own.index)
            for key, row in own.iterrows():
                group = [r for r in rows if getattr(r, attribute) == key]
                if key in known:
                    assert_metrics(row, slow_metrics(group, levels, scale), (model, column, key))
                else:
                    assert row[METRICS].isna().all()
    unknown = int(frame["y"].isna().sum())
    assert scores.counts == {
        "rows": len(frame), "rows_without_y": unknown, "rows_with_zero_y": int((frame["y"] == 0).sum()),
        "series": len(history), "series_without_scale": sum(math.isnan(s[0]) for s in scale.values()),
    }  # fmt: skip


def seasonal_backtest(n_series: int = 12, n: int = 120, windows: int = 6, horizon: int = 7, seed: int = 0):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    shape = 10 + 3 * np.sin(2 * np.pi * t / 7)
    y = shape * rng.uniform(1, 50, (n_series, 1)) + rng.normal(size=(n_series, n)) * 5
    long = pd.DataFrame(
        {"unique_id": np.repeat([f"s{i:02d}" for i in range(n_series)], n), "ds": np.tile(t, n_series)}
    ).assign(y=y.ravel())
    panel = Panel.from_frame(long, freq=1)
    parts = []
    for w in range(windows, 0, -1):
        cutoff = n - 1 - w * horizon
        part = long[(long["ds"] > cutoff) & (long["ds"] <= cutoff + horizon)].assign(cutoff=cutoff)
        parts.append(part)
    backtest = pd.concat(parts, ignore_index=True)
    truth = shape[backtest["ds"]] * (y / shape).mean(axis=1)[backtest["unique_id"].str[1:].astype(int)]
    backtest["TCN"] = truth
    for level, width in ((80, 6.4), (95, 9.8)):
        backtest[f"TCN-lo-{level}"] = truth - width
        backtest[f"TCN-hi-{level}"] = truth + width
    return panel, add_baselines(backtest, panel, 7)


@pytest.fixture(scope="module")
def scored() -> tuple[Panel, pd.DataFrame, Scores]:
    panel, backtest = seasonal_backtest()
    return panel, backtest, evaluate(backtest, panel, 7)


def test_tables_have_the_promised_shape(scored):
    scores = scored[2]
    models = ["TCN", "Naive", "SeasonalNaive", "Drift", "WindowAverage"]
    metrics = [*METRICS, "coverage_80", "width_80", "coverage_95", "width_95"]
    assert scores.overall.index.name == "model"
    assert scores.overall.index.tolist() == models
    assert scores.overall.columns.tolist() == metrics
    assert scores.by_series.columns.tolist() == ["model", "unique_id", *metrics]
    assert scores.by_step.columns.tolist() == ["model", "step", *metrics]
    assert scores.by_cutoff.columns.tolist() == ["model", "cutoff", *metrics]
    assert (len(scores.by_series), len(scores.by_step), len(scores.by_cutoff)) == (60, 35, 30)
    assert not scores.overall.isna().any(axis=None)
    assert scores.shift["model"] == "TCN"


def test_a_better_model_scores_better(scored):
    scores = scored[2]
    better = ["mae", "rmse", "smape", "mase", "rmsse", "wql"]
    assert (scores.overall.loc["TCN", better] < scores.overall.loc["SeasonalNaive", better]).all()
    assert 0.75 < scores.overall.loc["TCN", "coverage_80"] < 0.85
    assert 0.92 < scores.overall.loc["TCN", "coverage_95"] < 0.98


@pytest.mark.parametrize("metric", ["mae", "rmse", "mape", "smape"])
def test_by_series_agrees_with_utilsforecast(scored, metric):
    _, backtest, scores = scored
    models = list(scores.overall.index)
    theirs = getattr(losses, metric)(backtest.drop(columns="cutoff"), models).set_index("unique_id")[models]
    ours = scores.by_series.pivot(index="unique_id", columns="model", values=metric)[models]
    factor = {"mape": 100, "smape": 200}.get(metric, 1)
    np.testing.assert_allclose(ours, theirs * factor)


@pytest.mark.parametrize("metric", ["mase", "rmsse"])
def test_scaled_errors_agree_with_utilsforecast(scored, metric):
    panel, backtest, scores = scored
    train = panel.to_frame().query(f"ds <= {backtest['cutoff'].min()}")
    theirs = getattr(losses, metric)(backtest.drop(columns="cutoff"), ["TCN"], 7, train)["TCN"]
    ours = scores.by_series.query("model == 'TCN'")[metric]
    np.testing.assert_allclose(ours, theirs)
    assert scores.overall.loc["TCN", metric] == pytest.approx(theirs.mean())


def test_scores_are_invariant_under_order_of_rows_and_history_after_the_first_cutoff(scored):
    panel, backtest, scores = scored
    shuffled = backtest.sample(frac=1, random_state=0)
    short = panel.to_frame().query(f"ds <= {backtest['cutoff'].min()}")
    for frame, train in ((shuffled, panel), (backtest, short), (backtest, panel.to_frame())):
        again = evaluate(frame, train, 7, freq=None if isinstance(train, Panel) else 1)
        pd.testing.assert_frame_equal(again.overall, scores.overall)
        pd.testing.assert_frame_equal(again.skill, scores.skill)
        one, other = (
            table.sort_values(["model", "unique_id"], ignore_index=True)
            for table in (again.by_series, scores.by_series)
        )
        pd.testing.assert_frame_equal(one, other)


def test_relative_metrics_do_not_depend_on_the_unit(scored):
    panel, backtest, scores = scored
    values = [name for name in backtest.columns if name not in ("unique_id", "ds", "cutoff")]
    scaled = backtest.assign(**{name: backtest[name] * 1000 for name in values})
    train = panel.to_frame().assign(y=lambda d: d["y"] * 1000)
    again = evaluate(scaled, train, 7, freq=1)
    relative = ["mape", "smape", "mase", "rmsse", "wql", "coverage_80"]
    pd.testing.assert_frame_equal(again.overall[relative], scores.overall[relative])
    np.testing.assert_allclose(again.overall["mae"], scores.overall["mae"] * 1000)


def test_custom_columns_alias_and_choice_of_models():
    panel, backtest = seasonal_backtest(n_series=3)
    names = {"unique_id": "store", "ds": "day", "y": "sold"}
    train = panel.to_frame().rename(columns=names)
    alias = {name: name.replace("TCN", "My-lo model") for name in backtest.columns if name.startswith("TCN")}
    frame = backtest.rename(columns={**names, **alias}).assign(note="x")
    columns = {"id_col": "store", "time_col": "day", "target_col": "sold"}
    scores = evaluate(frame, train, 7, ["My-lo model", "Drift"], freq=1, **columns)
    assert scores.overall.index.tolist() == ["My-lo model", "Drift"]
    expected = evaluate(backtest, panel, 7).overall.loc[["TCN", "Drift"]]
    np.testing.assert_allclose(scores.overall, expected)
    assert "store" in scores.by_series
    assert scores.skill["skill_mae"].isna().all()
    assert scores.shift["text"].startswith("My-lo model")
    assert evaluate(frame, train, 7, freq=1, **columns).overall.index[0] == "My-lo model"


def test_time_zones_and_calendar():
    stamps = pd.date_range("2023-01-01", periods=40, freq="MS", tz="Europe/Berlin")
    frame = pd.DataFrame({"unique_id": 1, "ds": stamps, "y": np.arange(40.0)})
    backtest = frame.tail(3).assign(cutoff=stamps[36], M=1.0)
    scores = evaluate(backtest, Panel.from_frame(frame), 12)
    assert scores.by_step["step"].tolist() == [1, 2, 3]
    assert scores.by_cutoff["cutoff"].tolist() == [stamps[36]]
    assert scores.by_series["unique_id"].tolist() == [1]
    assert scores.overall.loc["M", "mase"] == pytest.approx(37 / 12)


def test_zeros_and_constant_series():
    long = pd.DataFrame({"unique_id": ["a"] * 5 + ["b"] * 5, "ds": list(range(5)) * 2})
    long["y"] = [0.0] * 5 + [1.0, 3, 1, 3, 2]
    backtest = long[long["ds"] > 2].assign(cutoff=2, M=[0.0, 0.0, 3.0, 1.0])
    scores = evaluate(backtest, long, 1, freq=1)
    zero = scores.by_series.iloc[0]
    assert zero["smape"] == 0
    assert zero[["mape", "mase", "rmsse", "wql"]].isna().all()
    assert scores.overall.loc["M", "mase"] == pytest.approx(0.5 / 2)
    assert scores.counts["series_without_scale"] == 1
    assert scores.counts["rows_with_zero_y"] == 2


@pytest.mark.parametrize(
    ("change", "arguments", "error", "message"),
    [
        ({"M": [1.0, math.nan]}, {}, PanelError, "1 missing or infinite ones in column 'M', first in"),
        ({"M": [math.inf, 1.0]}, {}, PanelError, "finite"),
        ({"M-lo-80": 1.0}, {}, PanelError, "one of them for model 'M', level 80; add the other"),
        ({}, {"models": ["N"]}, PanelError, "none for ['N']"),
        ({}, {"models": []}, PanelError, "none at all"),
        ({}, {"season_length": 0}, ConfigError, "season_length must be a positive number"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused(change, arguments, error, message):
    train = pd.DataFrame({"unique_id": "a", "ds": range(6), "y": range(6)})
    backtest = train.tail(2).assign(cutoff=3, M=[4.0, 5.0]).assign(**change)
    with pytest.raises(error, match=re.escape(message)):
        evaluate(backtest, train, **{"season_length": 1, "freq": 1, **arguments})


def test_a_forecast_may_be_missing_where_y_is():
    train = pd.DataFrame({"unique_id": "a", "ds": range(6), "y": range(6)})
    backtest = train.tail(2).assign(cutoff=3, y=[4.0, math.nan], M=[5.0, math.nan])
    scores = evaluate(backtest, train, 1, freq=1)
    assert scores.overall.loc["M", "mae"] == 1
    assert scores.by_step["step"].tolist() == [1]


@given(values=st.lists(gappy, min_size=0, max_size=12), m=st.integers(1, 4))
def test_seasonal_scale_equals_its_definition(values, m):
    assert seasonal_scale(np.array(values, dtype=float), m) == pytest.approx(
        slow_scale(values, m), nan_ok=True
    )


def test_rounding_is_no_scale():
    assert np.isnan(seasonal_scale(np.tile([0.1 + 0.2, 0.3], 9), 1)[0])
    assert seasonal_scale(np.array([1e-9, 2e-9]), 1)[0] == pytest.approx(1e-9)
