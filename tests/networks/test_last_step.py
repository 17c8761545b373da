"""The last step alone: equal to that of the full pass, at the price of the receptive field."""

import warnings

import keras
import numpy as np
import pytest
from backends import examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st

from tcn.heads import PointHead
from tcn.keras_tcn import compiled_tcn
from tcn.layers import ResidualBlock
from tcn.models import TCN, SeparableTCN, SequenceForecaster, WaveNet


def series(steps, batch=2):
    return np.random.default_rng(steps).normal(size=(batch, steps, 3)).astype("float32")


def pair(**arguments):
    """The same network for one step and for all of them."""
    one, whole = (TCN(2, seed=0, return_sequences=s, **arguments) for s in (False, True))
    for layer in (one, whole):
        layer.build((None, None, 3))
        layer.set_weights([w + 0.05 for w in layer.get_weights()])
    return one, whole


@examples(6)
@given(
    st.sampled_from([1, 3]),
    st.sampled_from([(1,), (3, 1)]),
    st.sampled_from([6, 30]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([{}, {"use_batch_norm": True}, {"use_layer_norm": True}, {"use_weight_norm": True}]),
)
def test_one_step_is_the_last_of_all(kernel_size, dilations, steps, skips, backwards, norm):
    arguments = {"kernel_size": kernel_size, "dilations": dilations, "use_skip_connections": skips, **norm}
    one, whole = pair(**arguments, go_backwards=backwards)
    x = series(steps)
    np.testing.assert_allclose(to_numpy(one(x)), to_numpy(whole(x))[:, -1], rtol=1e-5, atol=1e-6)


def test_no_more_steps_than_the_field_are_computed(monkeypatch):
    seen = []
    call = ResidualBlock.call

    def watched(self, inputs, **options):
        seen.append(inputs.shape[1])
        return call(self, inputs, **options)

    monkeypatch.setattr(ResidualBlock, "call", watched)
    one, whole = pair(kernel_size=2, dilations=(1, 2))
    for layer, steps, computed in ((one, 50, 7), (one, 5, 5), (whole, 50, 50)):
        seen.clear()
        layer(series(steps))
        assert set(seen) == {computed}


def test_one_step_learns_as_the_last_of_all_does():
    for arguments in ({"dropout_rate": 0.5}, {"use_batch_norm": True}):
        one, whole = pair(kernel_size=2, dilations=(1, 2), **arguments)
        x = series(20)
        of_one = gradients(one, x, lambda y: keras.ops.sum(y**2), training=True)
        of_whole = gradients(whole, x, lambda y: keras.ops.sum(y[:, -1] ** 2), training=True)
        for a, b in zip((*of_one[1], of_one[2]), (*of_whole[1], of_whole[2]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        for a, b in zip(one.non_trainable_variables, whole.non_trainable_variables, strict=True):
            np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-5)


@pytest.mark.parametrize(
    "backbone",
    [
        lambda: TCN(4, 2, dilations=(2,), return_sequences=True),
        lambda: WaveNet(4, dilations=(4,)),
        lambda: SeparableTCN(4, 1, 5),
    ],
)
def test_a_forecast_needs_the_steps_of_its_field_alone(backbone):
    keras.utils.set_random_seed(0)  # with other weights all units may be silent
    model = SequenceForecaster(backbone(), PointHead(3))
    x = series(50)
    last = to_numpy(model(x))[:, -1]
    field = model.receptive_field
    np.testing.assert_allclose(to_numpy(model(x[:, -field:]))[:, -1], last, rtol=1e-5, atol=1e-6)
    assert not np.allclose(to_numpy(model(x[:, 1 - field :]))[:, -1], last, rtol=1e-5, atol=1e-6)


def test_targets_of_a_series_need_a_horizon():
    model = SequenceForecaster(
        TCN(2, 2, dilations=(1,), return_sequences=True), keras.layers.Dense(3, name="d")
    )
    with pytest.raises(
        ValueError, match=r"must have a 'horizon'.*Received: head='d' of class Dense. Pass y=t"
    ):
        model.targets(np.ones((1, 5)))


SIZES = {
    "num_feat": 1,
    "num_classes": 2,
    "nb_filters": 2,
    "kernel_size": 2,
    "dilations": [1, 2],
    "nb_stacks": 1,
}


def test_a_compiled_model_warns_of_steps_that_it_never_sees():
    with pytest.warns(UserWarning, match=r"a field of 7 steps for a look-back of 10, whose oldest 3 steps"):
        compiled_tcn(**SIZES, max_len=10, return_sequences=False)


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_len": 7, "return_sequences": False},
        {"max_len": 2, "return_sequences": False},
        {"max_len": None, "return_sequences": False},
        {"max_len": 10},
        {"max_len": 10, "return_sequences": False, "padding": "same"},
    ],
    ids=str,
)
def test_it_does_not_warn_where_nothing_is_lost_for_sure(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled_tcn(**SIZES, **arguments)
