"""The contract of every network: causal, shift-consistent, independent, ordered quantiles, finite."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import EXTREME, HORIZON, SMALL, fitted, frame_of, weekly

from pipelines import Forecaster
from pipelines.backtest import at_probability
from pipelines.network import onepass
from tcn.models import ForkingTCN

# One size of panel and backtest for most tests, so that few functions are compiled.
LENGTH, WINDOWS = 40, 12
COLUMNS = ["TCN", "TCN-lo-80", "TCN-hi-80", "TCN-lo-95", "TCN-hi-95"]

numbers = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, 1.0, np.nan, 1e300, -1e300, 1e-300, 1.7e308, -1.7e308]),
)


def panel(seed=0, level=50.0):
    return {name: weekly(LENGTH, seed + i, level * (i + 1)) for i, name in enumerate("abcd")}


def backtest(series, **arguments):
    return fitted().backtest(frame_of(series), **{"n_windows": WINDOWS, "step": 1, **arguments})


def assert_close(found, expected, scale):
    """Equal to 1e-5 of the forecast or of the size of the data."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * scale)


# (1) causal


@given(st.data())
@settings(max_examples=40)
def test_nothing_after_an_origin_moves_its_forecast_by_a_bit(data):
    names = "abcd"
    origin = data.draw(st.integers(LENGTH - HORIZON - WINDOWS, LENGTH - HORIZON - 1), "last row that is kept")
    before, after = {}, {}
    for i, name in enumerate(names):
        kind = data.draw(st.sampled_from(["weekly", "zeros", "constant", "unseen", "late", "any"]), name)
        y = weekly(LENGTH, i)
        if kind in ("zeros", "constant", "unseen"):
            y[: origin + 1] = {"zeros": 0.0, "constant": 7.5, "unseen": np.nan}[kind]
        elif kind == "late":
            y[:origin] = np.nan
        elif kind == "any":
            y[: origin + 1] = data.draw(st.lists(numbers, min_size=origin + 1, max_size=origin + 1))
        before[name], after[name] = y, y.copy()
        tail = LENGTH - origin - 1
        after[name][origin + 1 :] = data.draw(st.lists(numbers, min_size=tail, max_size=tail), f"new {name}")
    one, two = backtest(before), backtest(after)
    past = one["cutoff"] <= pd.Timestamp("2024-01-01") + pd.Timedelta(days=origin)
    assert past.sum() == len(names) * HORIZON * (origin - (LENGTH - HORIZON - WINDOWS - 1))
    pd.testing.assert_frame_equal(one.loc[past, COLUMNS], two.loc[past, COLUMNS], check_exact=True)


@pytest.mark.parametrize("wild", [1.0, 1e30, np.inf, np.nan])
def test_the_network_itself_is_causal_to_the_bit(wild):
    network = fitted().network_
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 50, 5)).astype("float32")
    inputs[..., 1], inputs[..., 3], inputs[..., 4] = 1.0, 0.0, 0.1
    spoiled = inputs.copy()
    spoiled[:, 30:, :3] += wild
    one, two = network(inputs).numpy(), network(spoiled).numpy()
    np.testing.assert_array_equal(one[:, :30], two[:, :30])
    assert (one[:, 30] != two[:, 30]).any()


def test_a_forecast_depends_on_the_whole_context_and_the_newest_step():
    network = fitted().network_
    rng = np.random.default_rng(0)
    inputs = np.ones((1, 1, network.context + 1, 5), "float32")
    inputs[..., 0], inputs[..., 2:] = rng.normal(size=network.context + 1), 0.0
    shown = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(shown)
        out = tf.reduce_sum(network.forecast_members(shown)[..., 0])
    slope = np.abs(tape.gradient(out, shown)[0, 0, :, 0])
    assert slope[0] > 0
    assert slope[-1] > 0
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        network.forecast_members(shown[:, :, 1:])  # one step short of the context


# (2) shift-consistent


def test_one_pass_equals_forecasts_from_truncated_histories():
    series = panel()
    series["b"][[10, 30, 33]] = np.nan
    series["c"][:33] = 0.0
    tested = backtest(series)
    for last in range(LENGTH - HORIZON - WINDOWS, LENGTH - HORIZON):
        alone = fitted().predict(frame_of({name: y[: last + 1] for name, y in series.items()}))
        cutoff = pd.Timestamp("2024-01-01") + pd.Timedelta(days=last)
        both = tested[tested["cutoff"] == cutoff].merge(
            alone, on=["unique_id", "ds"], suffixes=("", "_alone")
        )
        assert len(both) == 4 * HORIZON
        for column in COLUMNS:
            assert_close(both[column], both[f"{column}_alone"], 50)


@pytest.mark.parametrize("step", [2, 3, 5])
def test_a_stride_takes_some_of_the_origins(step):
    series = panel()
    every = backtest(series)
    some = backtest(series, n_windows=3, step=step)
    assert some["cutoff"].nunique() == 3
    both = some.merge(every, on=["unique_id", "ds", "cutoff"], suffixes=("", "_every"))
    assert len(both) == len(some)
    for column in COLUMNS:
        assert_close(both[column], both[f"{column}_every"], 50)


def test_parts_and_batches_of_any_size_agree(monkeypatch):
    series = panel()
    whole = backtest(series)
    width = 2 * HORIZON * len(fitted().network_.quantiles)
    monkeypatch.setattr(onepass, "_BUDGET", 5 * 8 * width)  # five origins at a time
    assert_close(backtest(series)[COLUMNS], whole[COLUMNS], 50)
    monkeypatch.setattr(onepass, "_BUDGET", 1)  # one origin of one series
    assert_close(backtest(series)[COLUMNS], whole[COLUMNS], 50)


def test_origins_further_apart_than_the_context_are_computed_alone():
    series = {"a": weekly(120, 1)}
    step = fitted().network_.context + 1
    far = fitted().backtest(frame_of(series), n_windows=4, step=step)
    assert far["cutoff"].nunique() == 4
    for cutoff, window in far.groupby("cutoff"):
        seen = (cutoff - pd.Timestamp("2024-01-01")).days + 1
        alone = fitted().predict(frame_of({"a": series["a"][:seen]}))
        assert_close(window[COLUMNS], alone[COLUMNS], 50)


def test_a_network_computes_chunks_strides_and_whole_sequences_alike():
    network = fitted().network_
    rng = np.random.default_rng(3)
    steps = network.context + 24
    inputs = rng.normal(size=(1, 3, steps, 5)).astype("float32")
    inputs[..., 1] = rng.random((1, 3, steps)) < 0.8
    inputs[..., 3] = np.arange(steps) % 7
    inputs[..., 4] = np.abs(inputs[..., 4])
    whole = network.forecast_members(inputs).numpy()
    assert whole.shape[:3] == (2, 3, 24)
    np.testing.assert_allclose(
        network.forecast_members(inputs[:, :, 5:]), whole[:, :, 5:], rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        network.forecast_members(inputs, stride=7), whole[:, :, ::7], rtol=1e-5, atol=1e-5
    )
    for k in (0, 11, 23):
        window = inputs[:, :, k : k + network.context + 1]
        np.testing.assert_allclose(
            network.forecast_members(window)[:, :, 0], whole[:, :, k], rtol=1e-5, atol=1e-5
        )
    # Called as a Keras model it pads with steps that were not observed.
    called = network(inputs[0]).numpy()
    assert called.shape[1] == steps
    np.testing.assert_allclose(called[:, network.context :], whole.mean(0), rtol=1e-5, atol=1e-5)


# (3) independent


def test_a_series_does_not_depend_on_its_batch_mates():
    series = panel()
    together = fitted().predict(frame_of(series)).set_index("unique_id")
    for name, y in series.items():
        alone = fitted().predict(frame_of({name: y}))
        assert_close(alone[COLUMNS], together.loc[name, COLUMNS], 50)
        among_others = (
            fitted()
            .predict(frame_of({"0": np.full(5, 1e300), name: y, "x": weekly(9), "y": np.zeros(3)}))
            .set_index("unique_id")
        )
        np.testing.assert_array_equal(among_others.loc[name, COLUMNS], together.loc[name, COLUMNS])


@given(st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_the_order_of_rows_does_not_matter(random):
    frame = frame_of(panel())
    order = list(range(len(frame)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(
        fitted().predict(frame.iloc[order]), fitted().predict(frame), check_exact=True
    )


def test_names_do_not_matter():
    series = panel()
    renamed = {f"{9 - i}": y for i, y in enumerate(series.values())}  # in the reverse order
    one, two = fitted().predict(frame_of(series)), fitted().predict(frame_of(renamed))
    for i, name in enumerate(series):
        np.testing.assert_array_equal(
            one.loc[one["unique_id"] == name, COLUMNS], two.loc[two["unique_id"] == f"{9 - i}", COLUMNS]
        )


# (4) quantiles do not cross


@given(st.lists(st.floats(0.001, 99.999), min_size=1, max_size=8, unique=True))
@settings(max_examples=50)
def test_bounds_of_any_levels_are_nested(levels):
    series = {**panel(), "d": EXTREME["mixed"], "c": EXTREME["level"]}
    forecast = fitted().predict(frame_of(series), levels=levels)
    levels = sorted(levels)
    low = [f"TCN-lo-{level:g}" for level in reversed(levels)]
    high = [f"TCN-hi-{level:g}" for level in levels]
    bounds = forecast[list(dict.fromkeys([*low, "TCN", *high]))].to_numpy()
    assert np.isfinite(bounds).all()
    assert (np.diff(bounds, axis=1) >= 0).all()


@given(
    st.lists(st.floats(-1.7e308, 1.7e308), min_size=5, max_size=5).map(sorted),
    st.lists(st.floats(1e-6, 1 - 1e-6), min_size=2, max_size=6).map(sorted),
)
def test_interpolated_quantiles_keep_their_order(quantiles, wanted):
    known = (0.1, 0.3, 0.5, 0.7, 0.9)
    between = [float(at_probability(np.array(quantiles), known, p)) for p in sorted([*known, *wanted])]
    assert np.isfinite(between).all()
    assert (np.diff(between) >= 0).all()
    assert [float(at_probability(np.array(quantiles), known, p)) for p in known] == quantiles


# (5) finite, and no nonsense


def finite(frame, columns=COLUMNS):
    values = frame[columns].to_numpy()
    return np.isfinite(values).all()


@pytest.mark.parametrize("name", EXTREME)
def test_a_forecast_of_anything_finite_is_finite(name):
    frame = frame_of({name: EXTREME[name]})
    forecast = fitted().predict(frame)
    assert len(forecast) == HORIZON
    assert finite(forecast)
    if len(EXTREME[name]) > HORIZON:
        assert finite(fitted().backtest(frame, n_windows=WINDOWS, step=1))


@given(st.lists(numbers, min_size=1, max_size=30))
@settings(max_examples=40)
def test_a_forecast_of_any_series_is_finite(values):
    assert finite(fitted().predict(frame_of({"a": values})))


def test_a_fit_to_all_extremes_at_once_is_finite():
    forecaster = Forecaster(**SMALL).fit(frame_of(EXTREME))
    assert all(np.isfinite(record["loss"]) for record in forecaster.history_)
    assert forecaster.history_[-1]["step"] == SMALL["max_steps"]
    assert finite(forecaster.predict())
    usual = forecaster.predict(frame_of({"a": weekly(30)}))
    assert usual["TCN"].between(30, 70).all()  # the extremes have not spoiled the weights


@pytest.mark.parametrize("names", [["constant", "zero", "one", "nothing", "one seen"], ["nothing"]])
def test_a_panel_that_teaches_nothing_is_fitted_without_training(names):
    forecaster = Forecaster(**SMALL, freq="D").fit(frame_of({name: EXTREME[name] for name in names}))
    assert forecaster.plan_.steps == 0
    assert forecaster.history_ == []
    forecast = forecaster.predict().set_index("unique_id")[COLUMNS]
    for name in names:
        value = np.nanmax(np.append(EXTREME[name], 0.0))
        assert (forecast.loc[name] == value).all(axis=None)


def test_a_series_that_never_changed_is_forecast_as_its_value():
    history = {
        "constant": EXTREME["constant"],
        "zero": np.zeros(9),
        "nothing": EXTREME["nothing"],
        "x": weekly(30),
    }
    forecast = fitted().predict(frame_of(history)).set_index("unique_id")[COLUMNS]
    assert (forecast.loc["constant"] == 7.5).all(axis=None)
    assert (forecast.loc[["zero", "nothing"]] == 0.0).all(axis=None)
    assert (forecast.loc["x", "TCN-hi-80"] > forecast.loc["x", "TCN-lo-80"]).all()


@pytest.mark.parametrize("gap", [1, 5, 12, 13, 14, 15, 30, 200])
@pytest.mark.parametrize("seen_after", [0, 1])
def test_a_gap_of_any_length_is_forecast_near_what_was_there(gap, seen_after):
    """Also one as long as the look-back of 14 rows, which leaves a window nothing to be scaled by."""
    y = np.r_[weekly(60, 3) + np.arange(60), np.full(gap, np.nan), weekly(1, 4, 112.0)[:seen_after]]
    last = y[np.isfinite(y)][-1]
    forecast = fitted().predict(frame_of({"a": y}))
    change = np.abs(np.diff(y[:60])).mean()
    assert (forecast["TCN"] - last).abs().max() < 10 * change
    width = forecast["TCN-hi-95"] - forecast["TCN-lo-95"]
    assert width.between(0.5 * change, 40 * change * np.sqrt(gap)).all()


def test_a_longer_gap_makes_a_forecast_less_certain():
    widths = []
    for gap in (21, 49, 210, 2100):  # whole seasons, after which the same window is expected
        y = np.r_[weekly(60, 3), np.full(gap, np.nan)]
        forecast = fitted().predict(frame_of({"a": y}))
        widths.append((forecast["TCN-hi-95"] - forecast["TCN-lo-95"]).mean())
    assert widths == sorted(widths)
    assert widths[-1] > 2 * widths[0]


def test_a_window_without_change_is_not_forecast_as_certain():
    rare = np.zeros(400)
    rare[::25] = 6.0
    forecast = fitted().predict(frame_of({"a": rare[:399]}))
    assert (rare[:399][-14:] == 0).all()
    assert (forecast["TCN-hi-95"] > 0.02).all()
    # Silence much longer than that is believed.
    quiet = fitted().predict(frame_of({"a": np.r_[rare, np.zeros(1000)]}))
    assert (quiet["TCN-hi-95"] < 1e-6).all()


@given(st.integers(-900, 900))
@settings(max_examples=15)
def test_a_power_of_two_scales_the_forecast_exactly(power):
    frame = frame_of(panel())
    bigger = frame.assign(y=np.ldexp(frame["y"], power))
    one, two = fitted().predict(frame), fitted().predict(bigger)
    np.testing.assert_array_equal(np.ldexp(one[COLUMNS], power), two[COLUMNS])


@pytest.mark.parametrize("power", [-40, 3, 40])
def test_scaling_holds_for_series_that_begin_with_zeros_and_gaps(power):
    series = {"a": np.r_[np.zeros(12), weekly(28)], "b": np.r_[np.nan, np.nan, 0.0, weekly(37)], **panel()}
    frame = frame_of(dict(list(series.items())[:4]))
    bigger = frame.assign(y=np.ldexp(frame["y"], power))
    one = fitted().backtest(frame, n_windows=WINDOWS, step=1)
    two = fitted().backtest(bigger, n_windows=WINDOWS, step=1)
    np.testing.assert_array_equal(np.ldexp(one[COLUMNS], power), two[COLUMNS])


@given(st.floats(1.0, 1e5))
@settings(max_examples=15)
def test_a_constant_shifts_the_forecast(shift):
    # The level is a feature up to ten times the spread of a window; these levels lie beyond that.
    frame = frame_of(panel(level=1000.0))
    one, two = fitted().predict(frame), fitted().predict(frame.assign(y=frame["y"] + shift))
    np.testing.assert_allclose(two[COLUMNS], one[COLUMNS] + shift, rtol=0, atol=1e-3)


def test_a_network_of_one_member_and_of_three_are_within_the_contract():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 30, 5)).astype("float32")
    inputs[..., 1], inputs[..., 3], inputs[..., 4] = 1.0, 0.0, 0.1
    for members in (1, 3):
        network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=6, season_length=4, dilations=(1,), members=members)
        network.build(inputs.shape)
        each = network.forecast_members(inputs[None])
        assert each.shape[0] == members
        assert len(np.unique(each.numpy().reshape(members, -1), axis=0)) == members
        assert (np.diff(network(inputs), axis=-1) >= 0).all()
