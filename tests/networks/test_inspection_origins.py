"""Contributions of a forking network's parts sum to its forecasts, and each is that of its part alone."""

import keras
import numpy as np
import pytest

from tcn.inspection import origin_contributions
from tcn.models import ForkingTCN

QUANTILES = (0.1, 0.5, 0.9)
SIZES = {"lookback": 6, "season_length": 3, "filters": 4, "dilations": (1, 2, 1, 4), "width": 8, "hidden": 12}
MORE = {
    "phases": 7,
    "past_channels": 2,
    "ahead_features": 3,
    "static_features": 2,
    "further_seasons": (2,),
    "fill_gaps": True,
}


def network_of(members=2, **arguments):
    """A network whose weights all have values of their own."""
    network = ForkingTCN(3, QUANTILES, **{**SIZES, **arguments}, members=members, seed=1)
    network.build((None, None, 5))
    rng = np.random.default_rng(0)
    network.set_weights([w + 0.3 * rng.normal(size=w.shape) for w in network.get_weights()])
    return network


def inputs_of(network, origins=5, seed=0):
    rng = np.random.default_rng(seed)
    steps = network.context + origins
    series = rng.normal(size=(1, 2, steps, 5 + network.past_channels)).astype("float32")
    series[..., 1] = rng.random((1, 2, steps)) < 0.8
    series[..., 3] = np.arange(steps) % network.phases
    series[..., 4] = np.abs(series[..., 4])
    more = {}
    if network.ahead_features:
        more["ahead"] = rng.normal(size=(1, 2, origins - 1 + 3, 3)).astype("float32")
    if network.static_features:
        more["static"] = rng.normal(size=(1, 2, 2)).astype("float32")
    return series, more


@pytest.mark.parametrize(
    ("architecture", "head", "more"),
    [
        ("tcn", "quantile", MORE),
        ("tcn", "normal", {"global_scale": (True, False)}),
        ("wavenet", "quantile", {}),
        ("wavenet", "normal", MORE),
    ],
    ids=["tcn all", "tcn global", "wavenet", "wavenet all"],
)
def test_contributions_sum_to_the_median_of_each_member(architecture, head, more):
    network = network_of(architecture=architecture, head=head, **more)
    inputs, given = inputs_of(network)
    network.shrink.assign(1.0)
    found = origin_contributions(network, inputs, **given)
    total = sum(found.parts.values())
    size = np.abs(list(found.parts.values())).max()
    np.testing.assert_allclose(total, found.output, rtol=0, atol=1e-5 * size)
    shown = np.repeat(inputs, 2, axis=0) if "global_scale" in more else inputs
    rows = [shown[..., network.context - (network.lookback - 1) :, i] for i in (0, 1, 2, 4)]
    if "fill_gaps" in more:
        rows[1] = np.where(rows[3] > 0, np.float32(1), rows[1])
    view = network.windows(*rows)
    expected = keras.ops.convert_to_numpy(network.forecast_members(inputs, **given))[..., 1]
    location, scale = (keras.ops.convert_to_numpy(part) for part in (view.location, view.scale))
    np.testing.assert_allclose(location + scale * total, expected, rtol=1e-5, atol=1e-5 * size * scale.max())
    names = {"dilation 1", "dilation 2", "dilation 4"}
    assert names <= found.parts.keys()
    assert ("newest step" in found.parts) == (architecture == "tcn")
    assert ({"ahead", "calendar"} <= found.parts.keys()) == (more is MORE)


def test_a_hurdle_is_explained_up_to_its_size():
    network = network_of(head="hurdle")
    found = origin_contributions(network, inputs_of(network)[0])
    size = np.abs(list(found.parts.values())).max()
    np.testing.assert_allclose(sum(found.parts.values()), found.output, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("architecture", ["tcn", "wavenet"])
def test_a_part_without_weights_adds_nothing(architecture):
    network = network_of(architecture=architecture, dilations=(1, 2, 4))
    block = network.blocks[1]
    mute = [block.mix] if architecture == "tcn" else [block.skip]
    for layer in (*mute, network.long_kernel):
        layer.set_weights([np.zeros(w.shape) for w in layer.get_weights()])
    network.seasons.assign(np.zeros(network.seasons.shape))
    parts = origin_contributions(network, inputs_of(network)[0]).parts
    silent = {name for name, part in parts.items() if np.abs(part).max() < 1e-5}
    assert silent == {"dilation 2", "look-back", "seasons"}


def test_origins_are_those_of_a_stride_and_the_network_stays_as_it_is():
    network = network_of()
    inputs, _ = inputs_of(network, origins=7)
    before = keras.ops.convert_to_numpy(network.forecast_members(inputs))
    every = origin_contributions(network, inputs)
    some = origin_contributions(network, inputs, stride=3)
    for name, part in every.parts.items():
        np.testing.assert_allclose(some.parts[name], part[:, :, ::3], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(network.forecast_members(inputs)), before)
