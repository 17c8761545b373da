"""The network against a loop over origins that reads its weights."""

import math

import numpy as np
import pytest
from layer_oracles import clip, origin_window, position_features

from tcn.models import ForkingTCN

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
HORIZON, PHASES, MEMBERS = 3, 7, 2


def make(lookback, season_length, dilations, seed=0):
    network = ForkingTCN(
        HORIZON,
        QUANTILES,
        lookback=lookback,
        season_length=season_length,
        phases=PHASES,
        filters=4,
        kernel_size=3,
        dilations=dilations,
        width=6,
        hidden=5,
        members=MEMBERS,
        seed=seed,
    )
    network.build((None, None, 5))
    rng = np.random.default_rng(seed)
    network.set_weights([w + 0.2 * rng.normal(size=w.shape) for w in network.get_weights()])
    return network


def inputs_for(network, more=6, seed=0):
    rng = np.random.default_rng(seed)
    steps = network.context + 1 + more
    observed = rng.random((2, steps)) < 0.8
    level = np.array([[3.0], [50.0]])
    phase = (np.arange(steps) + np.array([[0], [4]])) % PHASES
    values = np.cumsum(rng.normal(size=(2, steps)), axis=1)
    for t in range(1, steps):
        values[:, t] = np.where(observed[:, t], values[:, t], values[:, t - 1])
    change = rng.uniform(0.0, 2.0, values.shape)
    level = np.broadcast_to(level, values.shape)
    return np.stack([values, observed, level, phase, change], -1).astype("float32")


def dense(layer, x, m):
    return x @ layer.kernel.numpy()[m].astype(float) + (0 if layer.bias is None else layer.bias.numpy()[m, 0])


def normal(layer, x, m):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6) * layer.gain.numpy()[m].reshape(-1)


def forecast_of(network, m, history):
    """Member m's forecast from the end of one history `(time, 5)`, a step at a time."""
    values, observed, offset, phase, change = history.astype(float).T
    back = slice(len(values) - network.lookback, None)
    window, known, (location,), (scale,), facts = origin_window(
        values[back], observed[back], offset[-1], change[-1], network.lookback, network.season_length
    )
    reach, field = network.positions.context + 1, network.receptive_field
    channels = []
    for end in range(len(values) - field + 1, len(values) + 1):
        part = slice(end - reach, end)
        each, (center,), (spread,) = position_features(
            values[part], observed[part], offset[end - 1], change[end - 1], network.season_length
        )
        channels.append(each)
    hidden = dense(network.stem, np.array(channels), m)
    for block in network.blocks:
        calm, rate, size = normal(block.norm, hidden, m), block.dilation_rate, block.kernel_size
        out = []
        for t in range((size - 1) * rate, len(hidden)):
            taps = np.concatenate([calm[t - (size - 1 - k) * rate] for k in range(size)])
            signal, gate = np.split(dense(block.conv, taps, m), 2)
            out.append(hidden[t] + dense(block.mix, signal / (1 + np.exp(-gate)), m))
        hidden = np.array(out)
    assert len(hidden) == 1
    facts = [*facts, clip((location - center) / spread, 5), clip(math.log(spread / scale), 3)]
    state = dense(network.long_kernel, np.array([*window, *known]), m)
    state = state + dense(network.project, normal(network.norm, hidden[0], m), m)
    state = state + dense(network.describe, np.array(facts), m)
    state = state + network.embed.kernel.numpy()[m][int(phase[-1])]
    path = np.array(window) @ network.seasons.numpy()[m]
    every = [np.broadcast_to(x, (MEMBERS, 1, 1, len(x))).astype("float32") for x in (state, path)]
    quantiles = network.head(*every)[m, 0, 0].numpy()  # the head has a test of its own
    median = quantiles[:, len(QUANTILES) // 2, None]
    shrink, widen = float(network.shrink), float(network.widen)
    return location + scale * (shrink * median + widen * (quantiles - median))


@pytest.mark.parametrize(
    ("lookback", "season_length", "dilations"),
    [(9, 7, (1, 2)), (40, 3, (1,)), (4, 1, (1, 2, 4)), (5, 12, (2,))],
)
def test_every_origin_equals_a_loop(lookback, season_length, dilations):
    network = make(lookback, season_length, dilations)
    inputs = inputs_for(network)
    found = network.forecast_members(inputs[None]).numpy()
    strided = network.forecast_members(inputs[None], stride=3).numpy()
    assert found.shape == (MEMBERS, 2, 7, HORIZON, len(QUANTILES))
    for m in range(MEMBERS):
        for b in range(2):
            for k in range(7):
                expected = forecast_of(network, m, inputs[b, k : k + network.context + 1])
                np.testing.assert_allclose(found[m, b, k], expected, rtol=1e-4, atol=1e-4)
                if k % 3 == 0:
                    np.testing.assert_allclose(strided[m, b, k // 3], expected, rtol=1e-4, atol=1e-4)


def test_a_call_averages_the_members_and_pads_with_unobserved_steps():
    network = make(9, 7, (1, 2))
    inputs = inputs_for(network)
    called = network(inputs).numpy()
    assert called.shape == (2, inputs.shape[1], HORIZON, len(QUANTILES))
    padded = np.concatenate([np.zeros((2, network.context, 5), "float32"), inputs], axis=1)
    for t in (0, 5, inputs.shape[1] - 1):
        window = padded[1, t : t + network.context + 1]
        expected = np.mean([forecast_of(network, m, window) for m in range(MEMBERS)], axis=0)
        np.testing.assert_allclose(called[1, t], expected, rtol=1e-4, atol=1e-4)


def test_the_context_is_the_longer_of_both_paths():
    assert make(40, 3, (1,)).context == 39
    stack = make(4, 1, (1, 2, 4))
    assert stack.receptive_field == 15
    assert stack.context == 14 + stack.positions.context


@pytest.mark.parametrize(("season_length", "lookback"), [(7, 20), (7, 9), (1, 4), (30, 9)])
def test_the_initial_path_repeats_the_last_seasons(season_length, lookback):
    network = ForkingTCN(10, QUANTILES, lookback=lookback, season_length=season_length, dilations=(1,))
    network.build((None, None, 5))
    weights = network.seasons.numpy()[0]
    assert weights.shape == (lookback, 10)
    window = np.random.default_rng(0).normal(size=lookback)
    for step in range(10):
        ages = [season_length - 1 - step % season_length + k * season_length for k in (0, 1)]
        expected = sum(
            share * window[-1 - age] for share, age in zip((0.6, 0.3), ages, strict=True) if age < lookback
        )
        assert window @ weights[:, step] == pytest.approx(expected, abs=1e-6)


def test_a_configuration_makes_the_same_network():
    network = make(9, 7, (1, 2))
    twin = ForkingTCN.from_config(network.get_config())
    twin.build((None, None, 5))
    assert twin.get_config() == network.get_config()
    twin.set_weights(network.get_weights())
    inputs = inputs_for(network)
    np.testing.assert_array_equal(twin(inputs), network(inputs))
