"""Explanations are complete, agree with forecasts of changed data, and take what is hard."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from explaining_cases import EVERY_ROLE, rich_frame, scrambled
from small_forecasters import EXTREME, HORIZON, SMALL, UNTRAINED, fitted, frame_of, weekly

from pipelines import ConfigError, Forecaster, NotFittedError, PanelError, explain
from pipelines.explaining import FRAMES
from pipelines.explaining.hiding import changes_when_hidden
from pipelines.explaining.paths import attribute
from pipelines.explaining.sources import sources_of
from pipelines.explaining.subjects import choose_subjects
from pipelines.network import build_network
from pipelines.runtime import OnnxNetwork

pytestmark = pytest.mark.usefixtures("eagerly")


@cache
def everything():
    """A forecaster with covariates of every role, scrambled; tests must not change it."""
    return scrambled(Forecaster(**UNTRAINED, covariates=EVERY_ROLE).fit(rich_frame()[:-1]))


def at_cutoff(forecaster, **arguments):
    """Explanation and backtest of the same forecasts."""
    frame = rich_frame()
    found = explain(forecaster, frame, cutoff=frame["ds"].max() - pd.Timedelta(days=HORIZON), **arguments)
    return found, forecaster.backtest(frame, n_windows=1)


@cache
def whole():
    """Explanation of all series, and the same forecasts by a backtest."""
    return at_cutoff(everything())


def test_every_forecast_is_explained_in_full():
    found, backtest = whole()
    forecast = found.forecast
    np.testing.assert_array_equal(forecast["unique_id"], backtest["unique_id"])
    np.testing.assert_array_equal(forecast["ds"], backtest["ds"])
    np.testing.assert_array_equal(forecast["cutoff"], backtest["cutoff"])
    np.testing.assert_allclose(forecast["TCN"], backtest["TCN"], rtol=1e-5)
    total = found.parts.groupby(["unique_id", "step"])["value"].sum().to_numpy()
    np.testing.assert_allclose(total, forecast["TCN"], rtol=1e-5)
    key = ["unique_id", "step"]
    attributed = found.steps.groupby(key)["gradient"].sum() + found.covariates.groupby(key)["gradient"].sum()
    attributed = attributed.to_numpy() + forecast["change"].to_numpy()
    np.testing.assert_allclose(attributed, forecast["attributed"], rtol=1e-6, atol=1e-9)
    away = (forecast["network"] - forecast["baseline"]).abs()
    assert forecast["gap"].abs().max() <= 0.01 * away.max()
    np.testing.assert_allclose(
        forecast["baseline"] + attributed, forecast["network"], rtol=0, atol=0.01 * away.max()
    )
    assert dict(zip(found.covariates["covariate"], found.covariates["role"], strict=True)) == {
        "load": "past", "temp": "future", "kind": "future", "region": "static",
        "holidays US": "holidays", "calendar": "calendar",
    }  # fmt: skip


def test_gradients_of_covariates_lie_in_the_rows_of_their_values():
    found, _ = whole()
    frames = (found.covariate_steps, found.covariates)
    rows, whole_of_b = (frame[frame["unique_id"] == "b"] for frame in frames)
    by_name = rows.groupby("covariate")["row"].agg(["min", "max"])
    assert by_name.loc["load", "max"] == -3  # published three rows late
    assert by_name.loc["temp", "max"] == HORIZON
    assert by_name.loc["calendar", "min"] == 1
    summed = rows.groupby(["covariate", "step"])["gradient"].sum()
    expected = whole_of_b.set_index(["covariate", "step"])["gradient"]
    for name in ("load", "temp", "kind", "holidays US"):
        np.testing.assert_allclose(summed[name], expected[name], rtol=1e-6, atol=1e-9)


def changes_of(forecaster, frame, other, cutoff, **arguments):
    """Forecasts of a frame less those of another one."""
    ahead = frame[frame["ds"] > cutoff].drop(columns="y")
    first, second = (
        forecaster.predict(each[each["ds"] <= cutoff], ahead, **arguments)["TCN"].to_numpy()
        for each in (frame, other)
    )
    return first - second


@pytest.mark.filterwarnings("ignore:column '")
def test_what_is_hidden_is_a_forecast_without_it():
    f, frame = everything(), rich_frame()
    cutoff = frame["ds"].max() - pd.Timedelta(days=HORIZON)
    found = explain(f, frame, cutoff=cutoff, unique_id="b", width=3)
    own = frame["unique_id"] == "b"
    for lag in (0, 4, 12):
        last = cutoff - pd.Timedelta(days=lag - lag % 3)
        stretch = own & (frame["ds"] <= last) & (frame["ds"] > last - pd.Timedelta(days=3))
        expected = changes_of(f, frame, frame.assign(y=frame["y"].mask(stretch)), cutoff)[HORIZON:-HORIZON]
        hidden = found.steps[found.steps["lag"] == lag]["hidden"]
        np.testing.assert_allclose(hidden, expected, rtol=1e-4, atol=2e-4)
    without = {"load": frame.assign(load=np.nan), "region": frame.assign(region=None)}
    for name, other in without.items():
        expected = changes_of(f, frame, other, cutoff)[HORIZON:-HORIZON]
        hidden = found.covariates[found.covariates["covariate"] == name]["hidden"]
        np.testing.assert_allclose(hidden, expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("arguments", [{"transform": "difference"}, {"multivariate": True}], ids=str)
@pytest.mark.filterwarnings("ignore:column 'channel")
def test_what_is_hidden_is_taken_out_of_the_data_themselves(arguments):
    frame = frame_of({"a": weekly(50, 1), "b": weekly(50, 2)})
    f = scrambled(Forecaster(**UNTRAINED, **arguments).fit(frame))
    subjects, _ = choose_subjects(f.fitted_, None, None, None, "b", None, 0.5)
    field = len(subjects[0].rows)
    masks = np.zeros((2, field), bool)
    masks[0, -1], masks[1, [-2, -8]] = True, True
    changes = changes_when_hidden(subjects[0], masks)
    for mask, change in zip(masks, changes, strict=True):
        rows = 100 - field + np.flatnonzero(mask)
        other = frame.assign(y=frame["y"].mask(frame.index.isin(rows)))
        expected = f.predict(frame)["TCN"] - f.predict(other)["TCN"]
        np.testing.assert_allclose(change, expected[HORIZON:], rtol=1e-4, atol=1e-4)


def test_gradients_of_a_linear_forecaster_are_its_weights():
    frame = frame_of({"a": weekly(60, 1)})
    f = Forecaster(**{**UNTRAINED, "ensemble": 1, "scaling": "origin"}).fit(frame)
    network = build_network(f.plan_, 0)
    network.set_weights([np.zeros(w.shape) for w in network.get_weights()])
    weights = np.random.default_rng(0).normal(size=network.seasons.shape)
    network.seasons.assign(weights)
    network.shrink.assign(1.0)
    f._fitted = replace(f.fitted_, network=network)
    found = explain(f)
    y = frame["y"].to_numpy()
    center = y[-network.receptive_field :].mean()
    away = y[-network.lookback :] - center
    # The forecast is last + sum of w (y - last), and the last value counts in all of its terms.
    expected = weights[0] * away[:, None]
    expected[-1] += (1 - weights[0].sum(axis=0)) * away[-1]
    gradients = found.steps.pivot(index="lag", columns="step", values="gradient").to_numpy()
    np.testing.assert_allclose(gradients[: network.lookback][::-1], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(gradients[network.lookback :], 0, atol=1e-6)
    np.testing.assert_allclose(found.forecast["baseline"], center, rtol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"scaling": "mixed", "transform": "log", "architecture": "wavenet"},
        {"scaling": "global", "transform": "asinh", "head": "laplace"},
        {"transform": "difference", "multivariate": True},
    ],
    ids=str,
)
def test_gradients_are_complete_through_scalings_and_transforms(arguments):
    f = Forecaster(**{**SMALL, "max_steps": 4}, **arguments).fit(
        frame_of({"a": weekly(60), "b": weekly(60, 2)})
    )
    subjects, _ = choose_subjects(f.fitted_, None, None, None, "b", None, 0.5)
    found = attribute(subjects[0], sources_of(f.fitted_))
    np.testing.assert_allclose(found.forecast, f.predict()["TCN"][HORIZON:], rtol=1e-5)
    away = found.forecast - found.baseline
    np.testing.assert_allclose(found.total, away, rtol=0, atol=0.01 * np.abs(away).max())


def test_without_calendar_and_covariates_the_past_is_all_that_there_is():
    frame = pd.DataFrame({"unique_id": 4, "ds": range(40), "y": np.random.default_rng(0).normal(size=40)})
    found = explain(Forecaster(**UNTRAINED, freq=1, season_length=1).fit(frame), width=5)
    assert len(found.covariates) == len(found.covariate_steps) == 0
    assert found.by_covariate()["covariate"].tolist() == ["y"]
    assert "covariates" not in found.figures()
    assert "Of the past, what lies" in repr(found)


HARD = ["constant", "jump", "nothing", "one"]


def test_hard_series_are_explained_with_finite_numbers():
    found = explain(fitted(), frame_of(EXTREME), unique_id=HARD)
    for name in FRAMES:
        frame = getattr(found, name).drop(columns=["y", "period"], errors="ignore")
        numbers = frame.select_dtypes("number").drop(columns=["gradient"] * (name == "covariates"))
        assert np.isfinite(numbers.to_numpy(float)).all(), name
    assert found.ids == sorted(HARD)
    nothing = found.forecast.set_index("unique_id").loc[["nothing", "constant", "one"]]
    assert (nothing["attributed"] == 0).all()
    assert found.to_dict()["highlights"]
    assert set(found.figures()) == {
        "steps", "distance", "covariates", "parts", "field", "filters", "stretches", "deletion"
    }  # fmt: skip


def test_shares_are_shares():
    found, _ = whole()
    for table, columns in ((found.by_lag(), 2), (found.by_distance(), 2)):
        np.testing.assert_allclose(table[["gradient", "hidden"]].sum(), np.ones(columns))
    np.testing.assert_allclose(found.by_part()["share"].sum(), 1)
    beside = found.by_covariate()
    np.testing.assert_allclose(beside["gradient"].sum(), 1)
    assert beside["covariate"][0] == "y"
    assert beside["hidden"][1:].is_monotonic_decreasing
    assert found.field.nominal == everything().network_.receptive_field
    assert 1 <= found.field.effective <= found.field.nominal
    seen = found.stretches.groupby(["unit", "rank"])["activation"].first().unstack("rank")
    assert (seen.diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)
    assert {"seasons", "look-back", "stack"} == set(found.filters["layer"])


def test_a_loaded_forecaster_has_the_same_explanation_and_stays_as_it_is(tmp_path):
    f = everything()
    f.save(tmp_path / "bundle", onnx=False)
    loaded = Forecaster.load(tmp_path / "bundle")
    before = [w.copy() for w in loaded.network_.get_weights()]
    again, _ = at_cutoff(loaded, unique_id="c")
    for name in ("forecast", "steps", "covariates", "covariate_steps", "parts"):
        first = getattr(whole()[0], name)
        first = first[first["unique_id"] == "c"].reset_index(drop=True)
        pd.testing.assert_frame_equal(first, getattr(again, name), check_exact=True)
    after = loaded.network_.get_weights()
    assert all((a == b).all() for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"unique_id": "x"}, "unique_id must name series of the data: 'a', 'b', 'c'"),
        ({"unique_id": []}, "Received: none"),
        ({"cutoff": "1999-01-01"}, "before the first row"),
        ({"cutoff": "soon"}, "must be a stamp such as 2024"),
        ({"quantile": 0.33}, "quantile must be one of 0.01, 0.05"),
        ({"width": 0}, "width must be a positive integer"),
        ({"cutoff": "2024-03-01", "future": rich_frame()}, "cutoff and future"),
    ],
)
def test_mistakes_are_said(arguments, message):
    with pytest.raises(ConfigError, match=message):
        explain(everything(), rich_frame(), **arguments)


def test_what_is_needed_is_said(monkeypatch):
    with pytest.raises(NotFittedError, match="fitted first"):
        explain(Forecaster(3))
    with pytest.raises(PanelError, match="temp"):
        explain(everything(), rich_frame())
    with pytest.raises(
        PanelError, match=r"at most 1e\+200 in size\. Received: 1.7e\+308 in series 'largest'"
    ):
        explain(fitted(), frame_of(EXTREME), unique_id="largest")
    f = Forecaster(**UNTRAINED)
    f._fitted = replace(fitted().fitted_, network=object.__new__(OnnxNetwork))
    with pytest.raises(ConfigError, match=r"runtime='onnx'.*use Forecaster\.load"):
        explain(f)
    monkeypatch.setattr("pipelines.explaining.subjects.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"gradients of TensorFlow.*pip install"):
        explain(fitted())
