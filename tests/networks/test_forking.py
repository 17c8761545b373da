"""The network against a loop over origins that reads its weights."""

import json
import math
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from backends import to_numpy
from layer_oracles import clip, origin_window, position_features

from tcn.members import MemberDense
from tcn.models import ForkingTCN

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
HORIZON, PHASES, MEMBERS = 3, 7, 2


PAST, AHEAD, STATIC = 2, 3, 2
COVARIATES = {
    "past_channels": PAST,
    "ahead_features": AHEAD,
    "static_features": STATIC,
    "known_steps": [3, 3, 1],
}


def make(lookback, season_length, dilations, seed=0, **covariates):
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
        **covariates,
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


def covariates_for(network, inputs, seed=0):
    """Inputs of a network with covariates of all roles, for a series."""
    rng = np.random.default_rng(seed)
    batch, steps, _ = inputs.shape
    past, ahead = rng.normal(size=(batch, steps, PAST)), rng.normal(size=(batch, steps + HORIZON, AHEAD))
    return {
        "series": np.concatenate([inputs, past], axis=-1).astype("float32"),
        "ahead": ahead.astype("float32"),
        "static": rng.normal(size=(batch, STATIC)).astype("float32"),
    }


def dense(layer, x, m):
    return x @ to_numpy(layer.kernel)[m].astype(float) + (
        0 if layer.bias is None else to_numpy(layer.bias)[m, 0]
    )


def normal(layer, x, m):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6) * to_numpy(layer.gain)[m].reshape(-1)


def forecast_of(network, m, history, ahead=None, static=()):
    """Member m's forecast from the end of one history `(time, 5 + past)`, a step at a time."""
    values, observed, offset, phase, change, *past = history.astype(float).T
    back = slice(len(values) - network.lookback, None)
    window, known, (location,), (scale,), facts, _ = origin_window(
        values[back], observed[back], offset[-1], change[-1], network.lookback, network.season_length
    )
    reach, field = network.positions.context + 1, network.stack_field
    channels = []
    for end in range(len(values) - field + 1, len(values) + 1):
        part = slice(end - reach, end)
        each, (center,), (spread,) = position_features(
            values[part], observed[part], offset[end - 1], change[end - 1], network.season_length
        )
        channels.append([*each, *(channel[end - 1] for channel in past)])
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
    facts = [*facts, clip((location - center) / spread, 5), clip(math.log(spread / scale), 3), *static]
    state = dense(network.long_kernel, np.array([*window, *known]), m)
    state = state + dense(network.project, normal(network.norm, hidden[0], m), m)
    state = state + dense(network.describe, np.array(facts), m)
    state = state + to_numpy(network.embed.kernel)[m][int(phase[-1])]
    path = np.array(window) @ to_numpy(network.seasons)[m]
    every = [np.broadcast_to(x, (MEMBERS, 1, 1, len(x))).astype("float32") for x in (state, path)]
    if ahead is not None:
        every.append(network.ahead(every[0], np.broadcast_to(ahead, (MEMBERS, 1, *ahead.shape))))
    quantiles = to_numpy(network.head(*every)[m, 0, 0])  # these layers have tests of their own
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
    found = to_numpy(network.forecast_members(inputs[None]))
    strided = to_numpy(network.forecast_members(inputs[None], stride=3))
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
    called = to_numpy(network(inputs))
    assert called.shape == (2, inputs.shape[1], HORIZON, len(QUANTILES))
    padded = np.concatenate([np.zeros((2, network.context, 5), "float32"), inputs], axis=1)
    for t in (0, 5, inputs.shape[1] - 1):
        window = padded[1, t : t + network.context + 1]
        expected = np.mean([forecast_of(network, m, window) for m in range(MEMBERS)], axis=0)
        np.testing.assert_allclose(called[1, t], expected, rtol=1e-4, atol=1e-4)


def test_the_context_is_the_longer_of_both_paths():
    assert make(40, 3, (1,)).context == 39
    stack = make(4, 1, (1, 2, 4))
    assert stack.stack_field == 15
    assert stack.context == 14 + stack.positions.context


@pytest.mark.parametrize(("season_length", "lookback"), [(7, 20), (7, 9), (1, 4), (30, 9)])
def test_the_initial_path_repeats_the_last_seasons(season_length, lookback):
    network = ForkingTCN(10, QUANTILES, lookback=lookback, season_length=season_length, dilations=(1,))
    network.build((None, None, 5))
    weights = to_numpy(network.seasons)[0]
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


# Covariates


@pytest.fixture(scope="module")
def with_covariates():
    network = make(9, 7, (1, 2), **COVARIATES)
    return network, covariates_for(network, inputs_for(network))


def test_with_covariates_every_origin_equals_a_loop(with_covariates):
    network, inputs = with_covariates
    series, ahead, static = (inputs[name] for name in ("series", "ahead", "static"))
    context = network.context
    shown = {"ahead": ahead[None, :, context + 1 :], "static": static[None]}
    found = to_numpy(network.forecast_members(series[None], **shown))
    strided = to_numpy(network.forecast_members(series[None], **shown, stride=3))
    for m, b, k in np.ndindex(MEMBERS, 2, 7):
        now = context + k
        expected = forecast_of(
            network, m, series[b, k : now + 1], ahead[b, now + 1 : now + 1 + HORIZON], static[b]
        )
        np.testing.assert_allclose(found[m, b, k], expected, rtol=1e-4, atol=1e-4)
        if k % 3 == 0:
            np.testing.assert_allclose(strided[m, b, k // 3], expected, rtol=1e-4, atol=1e-4)
    called = to_numpy(network(inputs))
    np.testing.assert_allclose(called[:, context:], found.mean(axis=0), rtol=1e-4, atol=1e-4)


def test_a_call_is_causal_in_every_covariate(with_covariates):
    network, inputs = with_covariates
    steps, origin = inputs["series"].shape[1], 20
    first = to_numpy(network(inputs))
    for name, begin in (("series", origin + 1), ("ahead", origin + 1 + HORIZON)):
        spoiled = {**inputs, name: inputs[name].copy()}
        spoiled[name][:, begin:, -PAST:] += 1.0
        second = to_numpy(network(spoiled))
        np.testing.assert_array_equal(second[:, : origin + 1], first[:, : origin + 1])
        assert (second[:, origin + 1] != first[:, origin + 1]).any()
    # The last feature is known one step ahead.
    spoiled = {**inputs, "ahead": inputs["ahead"].copy()}
    spoiled["ahead"][:, origin + 2 :, 2] = np.nan
    second = to_numpy(network(spoiled))
    np.testing.assert_array_equal(second[:, : origin + 1], first[:, : origin + 1])
    assert np.isnan(second[:, origin + 1 : steps]).any()


@pytest.mark.parametrize("name", ["series", "ahead", "static"])
@pytest.mark.parametrize("size", [3e38, -3e38, 1e-38])
def test_covariates_of_any_size_give_finite_forecasts_in_order(with_covariates, name, size):
    network, inputs = with_covariates
    extreme = {**inputs, name: inputs[name].copy()}
    extreme[name][..., -PAST:] = size
    out = to_numpy(network(extreme))
    assert np.isfinite(out).all()
    assert (np.diff(out, axis=-1) >= 0).all()


@pytest.mark.parametrize("role", ["past_channels", "ahead_features", "static_features"])
def test_each_role_works_alone(role):
    network = make(5, 3, (1,), **{role: 2})
    base = inputs_for(network)
    inputs = {name: part[..., :2] for name, part in covariates_for(network, base).items() if name != "series"}
    if role == "past_channels":
        shown = covariates_for(network, base)["series"]
    else:
        name = role.split("_")[0]
        shown = {"series": base, name: inputs[name]}
    out = to_numpy(network(shown))
    assert out.shape == (2, base.shape[1], HORIZON, len(QUANTILES))
    if role != "past_channels":
        np.testing.assert_array_equal(to_numpy(network({**shown, name: shown[name] + 1.0})) == out, False)


@pytest.mark.parametrize("given", [["series"], ["series", "static"], ["ahead", "static"], None])
def test_inputs_that_are_missing_are_named(with_covariates, given):
    network, inputs = with_covariates
    wrong = inputs["series"] if given is None else {name: inputs[name] for name in given}
    rule = f"must be a dictionary of ['ahead', 'series', 'static']*Received: {sorted(given or ['series'])}"
    with pytest.raises(ValueError, match=re.escape(rule).replace(r"\*", ".*")):
        network(wrong)


@pytest.mark.parametrize("name", ["past_channels", "ahead_features", "static_features"])
@pytest.mark.parametrize("bad", [-1, 1.5, True, "2"])
def test_numbers_of_covariates_are_integers_from_0(name, bad):
    with pytest.raises(ValueError, match=f"'{name}' must be an integer from 0. Received: {name}="):
        ForkingTCN(2, (0.5,), lookback=4, **{name: bad})


def test_without_covariates_the_seeds_are_those_of_its_layers_alone():
    """What a seed gives stays what it is, whatever else a network can read."""
    network = ForkingTCN(
        HORIZON, QUANTILES, lookback=5, phases=2, filters=3, dilations=(1, 2), width=4, hidden=5, seed=9
    )
    network.build((None, None, 5))
    seeds = np.random.SeedSequence(9).generate_state(18).tolist()
    parts = {
        "long_kernel": MemberDense(4, seed=seeds[0]),
        "stem": MemberDense(3, seed=seeds[1]),
        "block_0/conv": MemberDense(6, seed=2 * (seeds[2] // 2)),
        "block_1/mix": MemberDense(3, seed=2 * (seeds[3] // 2) + 1),
        "project": MemberDense(4, seed=seeds[4]),
        "describe": MemberDense(4, seed=seeds[5]),
        "embed": MemberDense(4, use_bias=False, scale=0.3, seed=seeds[6]),
        "head/out": MemberDense(HORIZON * len(QUANTILES), scale=0.3, seed=seeds[7] // 16 + 4),
    }
    kernels = {v.path.split("/", 1)[1].removesuffix("/kernel"): to_numpy(v) for v in network.weights}
    for name, layer in parts.items():
        layer.build((1, None, kernels[name].shape[1]))
        np.testing.assert_array_equal(to_numpy(layer.kernel), kernels[name], err_msg=name)
    assert kernels["stem"].shape == (1, 4, 3)
    assert kernels["describe"].shape == (1, 6, 4)
    assert not any("ahead" in v.path for v in network.variables)


def test_covariates_leave_the_initial_weights_of_the_other_layers():
    plain, more = (ForkingTCN(HORIZON, QUANTILES, 5, seed=4, **kw) for kw in ({}, COVARIATES))
    for network in (plain, more):
        network.build((None, None, 5))
    weights = [
        {v.path.split("/", 1)[1]: to_numpy(v) for v in network.trainable_variables}
        for network in (plain, more)
    ]
    other = {name for name in weights[1] if name not in weights[0]}
    assert {name.split("/")[0] for name in other} == {"ahead"}
    changed = {name for name in weights[0] if weights[0][name].shape != weights[1][name].shape}
    assert changed == {"stem/kernel", "describe/kernel"}
    for name in weights[0].keys() - changed:
        np.testing.assert_array_equal(weights[0][name], weights[1][name], err_msg=name)


RELOAD = """
import sys, tcn, keras, numpy as np
kept = dict(np.load(sys.argv[1]))
expected = kept.pop("expected")
model = keras.saving.load_model(sys.argv[2], compile=False, safe_mode=True)
print(float(np.abs(np.asarray(model(kept)) - expected).max()), model.get_config()["known_steps"])
"""


@pytest.mark.long
def test_a_network_with_covariates_comes_back_in_a_fresh_process(with_covariates, tmp_path):
    network, inputs = with_covariates
    twin = ForkingTCN.from_config(json.loads(json.dumps(network.get_config())))
    assert twin.get_config() == network.get_config()
    np.savez(tmp_path / "inputs.npz", **inputs, expected=to_numpy(network(inputs)))
    network.save(tmp_path / "network.keras")
    command = [sys.executable, "-c", RELOAD, str(tmp_path / "inputs.npz"), str(tmp_path / "network.keras")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.split(maxsplit=1) == ["0.0", "[3, 3, 1]\n"]


def test_a_network_with_covariates_is_part_of_a_functional_model(with_covariates):
    network, inputs = with_covariates
    symbolic = {name: keras.Input(part.shape[1:], name=name) for name, part in inputs.items()}
    model = keras.Model(symbolic, network(symbolic))
    np.testing.assert_allclose(to_numpy(model(inputs)), to_numpy(network(inputs)), rtol=1e-5, atol=1e-5)
