"""The contract of every network for ``architecture="wavenet"``; the default has a module of its own."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import EXTREME, HORIZON, SMALL, frame_of, weekly

from pipelines import ConfigError, Forecaster
from pipelines.network import build_network, can_export_onnx
from pipelines.runtime import has_onnx_runtime
from tcn.models import ForkingTCN, WaveNet

pytestmark = pytest.mark.usefixtures("eagerly")

COLUMNS = ["TCN", "TCN-lo-80", "TCN-hi-80", "TCN-lo-95", "TCN-hi-95"]
LENGTH, WINDOWS = 40, 12


def panel(seed=0):
    return {name: weekly(LENGTH, seed + i, 50.0 * (i + 1)) for i, name in enumerate("abcd")}


@cache
def fitted():
    return Forecaster(**SMALL, architecture="wavenet").fit(frame_of(panel(9)))


def backtest(series):
    return fitted().backtest(frame_of(series), n_windows=WINDOWS, step=1)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * 50)


@given(st.integers(LENGTH - HORIZON - WINDOWS, LENGTH - HORIZON - 1), st.sampled_from([1e6, np.nan, 0.0]))
@settings(max_examples=6, deadline=None)
def test_nothing_after_an_origin_moves_its_forecast_by_a_bit(origin, wild):
    before, after = panel(), panel()
    for values in after.values():
        values[origin + 1 :] = wild
    one, two = backtest(before), backtest(after)
    past = one["cutoff"] <= pd.Timestamp("2024-01-01") + pd.Timedelta(days=origin)
    assert past.any()
    pd.testing.assert_frame_equal(one.loc[past, COLUMNS], two.loc[past, COLUMNS], check_exact=True)


def test_one_pass_equals_forecasts_from_truncated_histories():
    series = panel()
    series["b"][[10, 30, 33]] = np.nan
    series["c"][:33] = 0.0
    tested = backtest(series)
    for last in range(LENGTH - HORIZON - WINDOWS, LENGTH - HORIZON):
        alone = fitted().predict(frame_of({name: y[: last + 1] for name, y in series.items()}))
        cutoff = pd.Timestamp("2024-01-01") + pd.Timedelta(days=last)
        window = tested[tested["cutoff"] == cutoff].reset_index(drop=True)
        assert (window[["unique_id", "ds"]] == alone[["unique_id", "ds"]]).all(axis=None)
        assert_close(window[COLUMNS], alone[COLUMNS])


def test_a_network_computes_chunks_strides_and_whole_sequences_alike():
    network = fitted().network_
    rng = np.random.default_rng(3)
    steps = network.context + 24
    inputs = rng.normal(size=(1, 3, steps, 5)).astype("float32")
    inputs[..., 1] = rng.random((1, 3, steps)) < 0.8
    inputs[..., 3] = np.arange(steps) % 7
    inputs[..., 4] = np.abs(inputs[..., 4])
    whole = network.forecast_members(inputs).numpy()
    for begin, stride in ((5, 1), (0, 7)):
        part = network.forecast_members(inputs[:, :, begin:], stride=stride)
        np.testing.assert_allclose(part, whole[:, :, begin::stride], rtol=1e-5, atol=1e-5)
    for k in (0, 11, 23):  # as step by step
        window = inputs[:, :, k : k + network.context + 1]
        found = network.forecast_members(window)[:, :, 0]
        np.testing.assert_allclose(found, whole[:, :, k], rtol=1e-5, atol=1e-5)


def test_a_series_does_not_depend_on_its_batch_mates_nor_on_the_order_of_rows():
    series = panel()
    together = fitted().predict(frame_of(series)).set_index("unique_id")
    for name, y in series.items():
        alone = fitted().predict(frame_of({name: y}))
        assert_close(alone[COLUMNS], together.loc[name, COLUMNS])
    shuffled = frame_of(series).sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(fitted().predict(shuffled).set_index("unique_id"), together)


@pytest.mark.parametrize("name", EXTREME)
def test_forecasts_are_finite_and_quantiles_do_not_cross(name):
    levels = [10, 50, 80, 99.9]
    frame = frame_of({name: EXTREME[name]})
    low = [f"TCN-lo-{level:g}" for level in reversed(levels)]
    high = [f"TCN-hi-{level:g}" for level in levels]
    bounds = fitted().predict(frame, levels=levels)[[*low, "TCN", *high]].to_numpy()
    assert np.isfinite(bounds).all()
    assert (bounds[:, 1:] >= bounds[:, :-1]).all()


def test_a_fit_to_all_extremes_at_once_is_finite():
    forecaster = Forecaster(**SMALL, architecture="wavenet").fit(frame_of(EXTREME))
    assert np.isfinite(forecaster.predict()[COLUMNS]).all(axis=None)


def test_training_lowers_the_loss():
    asked = {**SMALL, "max_steps": 30, "ensemble": 1, "architecture": "wavenet"}
    history = Forecaster(**asked).fit(frame_of(panel())).history_
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]


def test_the_stack_is_that_of_a_wavenet():
    network = ForkingTCN(
        2, (0.1, 0.5, 0.9), lookback=4, filters=3, kernel_size=2, dilations=(1, 2, 4), architecture="wavenet"
    )
    network.build((None, None, 5))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 2, 20, 3)).astype("float32")
    alone = WaveNet(3, kernel_size=2, dilations=(1, 2, 4))
    alone.build(x[0].shape)
    alone.first.set_weights([np.concatenate([np.zeros((1, 3, 3)), np.eye(3)[None]]), np.zeros(3)])
    for block, twin in zip(network.blocks, alone.blocks, strict=True):
        pairs = [(block.conv, twin.conv), (block.skip, twin.skip), (block.residual, twin.residual)]
        for layer, other in pairs:
            if layer is not None:
                kernel = layer.kernel.numpy()[0].reshape(other.kernel.shape)
                other.set_weights([kernel, rng.normal(size=kernel.shape[-1])])
                layer.bias.assign(other.bias.numpy()[None, None])
    found = network._deepened(tf.constant(x)).numpy()[0]
    np.testing.assert_allclose(found, alone(x[0]).numpy()[:, 7:], rtol=1e-5, atol=1e-5)


def test_it_is_saved_and_goes_on(tmp_path):
    fitted().save(tmp_path / "bundle", onnx=can_export_onnx())
    loaded = Forecaster.load(tmp_path / "bundle")
    assert loaded.architecture == loaded.plan_.architecture == "wavenet"
    pd.testing.assert_frame_equal(loaded.predict(), fitted().predict())
    if can_export_onnx() and has_onnx_runtime():
        quick = Forecaster.load(tmp_path / "bundle", runtime="onnx")
        pd.testing.assert_frame_equal(quick.predict(), fitted().predict(), rtol=1e-4)
    with pytest.raises(ConfigError, match="architecture"):
        loaded.set_params(architecture="tcn").fit(frame_of(panel()), initial="bundle")


def test_the_default_is_the_network_that_it_was():
    named = build_network(Forecaster(**SMALL, architecture="tcn").plan(frame_of(panel())), seed=0)
    config = {name: value for name, value in named.get_config().items() if name != "architecture"}
    before = ForkingTCN.from_config(config)
    before.build((None, None, 5))
    for one, two in zip(named.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match="one of tcn, wavenet"):
        ForkingTCN(2, (0.1, 0.5, 0.9), lookback=4, architecture="rnn")
