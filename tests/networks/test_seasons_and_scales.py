"""Several seasons, and members that see levels as they are."""

import keras
import numpy as np
import pytest

from tcn.members import OriginWindow, PositionFeatures
from tcn.models import ForkingTCN

SIZES = {"horizon": 3, "quantiles": (0.1, 0.5, 0.9), "lookback": 10, "season_length": 4, "dilations": (1, 2)}


def rows(seed=0, time=50, level=3.0):
    """Values, observed, offset and change of two series, with gaps."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(1, 2, time)).cumsum(axis=-1).astype("float32")
    observed = (rng.random((1, 2, time)) > 0.2).astype("float32")
    return values, observed, np.full_like(values, level), np.full_like(values, 0.5)


def inputs(seed=0):
    values, observed, offset, change = rows(seed)
    return np.stack([values, observed, offset, np.zeros_like(values), change], axis=-1)[0]


def network(**arguments):
    return ForkingTCN(**SIZES, filters=4, width=16, hidden=16, seed=1, **arguments)


def test_a_further_season_adds_its_difference_and_leaves_the_other_channels():
    values, observed, _, _ = rows()
    one, two = PositionFeatures(4), PositionFeatures(4, further_seasons=(20,))
    assert (one.context, two.context) == (10, 20)
    channels, center, scale = (np.asarray(part)[..., 10:, :] for part in one(*rows()))
    more, same_center, same_scale = (np.asarray(part) for part in two(*rows()))
    np.testing.assert_array_equal(more[..., [0, 1, 2, 4]], channels)
    np.testing.assert_array_equal(same_center, center)
    np.testing.assert_array_equal(same_scale, scale)
    difference = (values[..., 20:] - values[..., :-20]) * observed[..., 20:] * observed[..., :-20]
    np.testing.assert_allclose(more[..., 3], np.clip(difference / scale[..., 0], -10, 10), rtol=1e-6)


def test_the_first_forecasts_repeat_all_seasons_evenly():
    one = network()._season_weights()
    weekly = ForkingTCN(**{**SIZES, "season_length": 7})._season_weights()
    both = network(further_seasons=(7,))._season_weights()
    np.testing.assert_allclose(both, (one + weekly) / 2)


@pytest.mark.parametrize(
    "arguments",
    [{"further_seasons": (20,)}, {"further_seasons": (6,), "global_scale": (False, True), "members": 2}],
)
def test_one_pass_is_causal_and_equals_each_window_alone(arguments):
    model = network(**arguments)
    sequence = inputs()
    whole = np.asarray(model(sequence))
    spoiled = sequence.copy()
    spoiled[:, 40:, 0] += 100.0
    np.testing.assert_array_equal(np.asarray(model(spoiled))[:, :40], whole[:, :40])
    alone = np.asarray(model(sequence[:, 45 - model.context : 46]))[:, -1]
    np.testing.assert_allclose(alone, whole[:, 45], rtol=1e-4, atol=1e-4)


def test_a_member_with_a_global_scale_sees_levels_as_they_are():
    values, observed, offset, change = (np.repeat(part, 2, axis=0) for part in rows())
    mixed = OriginWindow(10, 4, global_scale=(False, True))(values, observed, offset, change)
    own = OriginWindow(10, 4)(values, observed, offset, change)
    for part in ("window", "observed", "location", "scale", "facts"):
        np.testing.assert_array_equal(np.asarray(getattr(mixed, part))[0], np.asarray(getattr(own, part))[0])
    levels = np.lib.stride_tricks.sliding_window_view(values[1] + 3.0, 10, axis=-1)
    seen = np.lib.stride_tricks.sliding_window_view(observed[1], 10, axis=-1)
    np.testing.assert_allclose(np.asarray(mixed.window)[1], np.clip(levels, -10, 10) * seen, rtol=1e-5)
    assert (np.asarray(mixed.location)[1] == -3.0).all()
    assert (np.asarray(mixed.scale)[1] == 1.0).all()
    np.testing.assert_allclose(np.asarray(mixed.last)[1, ..., 0], levels[..., -1], rtol=1e-5)


def test_all_members_are_drawn_to_the_last_value():
    model = network(global_scale=(False, True), members=2)
    sequence = inputs()
    model(sequence)
    model.shrink.assign(0.0)
    model.widen.assign(0.0)
    forecast = np.asarray(model(sequence))
    np.testing.assert_allclose(
        forecast, np.broadcast_to(sequence[..., :1, None], forecast.shape), rtol=1e-4, atol=1e-4
    )


def test_a_network_of_both_is_rebuilt_from_its_configuration():
    model = network(further_seasons=(20, 30), global_scale=(True, False), members=2)
    again = ForkingTCN.from_config(model.get_config())
    assert again.further_seasons == (20, 30)
    assert again.global_scale == (True, False)
    for layer in (model.windows, model.positions):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    assert isinstance(model, keras.Model)


def test_flags_are_one_for_each_member():
    with pytest.raises(ValueError, match=r"each of the 2 members\. Received: global_scale=\(True,\)"):
        network(global_scale=(True,), members=2)
