"""Layers that look back compute the same in pieces; a state in the wrong place is an error."""

import re
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tcn.layers.causal import CausalConv1D
from tcn.memory import Memory, extend, extend_dilated, keep, observed_before, recall


class Difference(keras.layers.Layer):
    """Each step minus the one `lag` steps before it."""

    def __init__(self, lag, **kwargs):
        super().__init__(**kwargs)
        self.lag = lag

    def call(self, inputs):
        return inputs - extend(self, inputs, self.lag)[:, : ops.shape(inputs)[1]]


class Total(keras.layers.Layer):
    """Sum of all steps so far."""

    def call(self, inputs):
        key, before = recall(self, "sum", lambda: ops.zeros_like(inputs[:, :1]))
        sums = before + ops.cumsum(inputs, axis=1)
        keep(key, sums[:, -1:])
        return sums


class Twice(keras.layers.Layer):
    """The same layer applied twice: each call has its own memory."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = Difference(2)

    def call(self, inputs):
        return self.inner(self.inner(inputs))


class Stream(keras.Model):
    """A piece and a state in, outputs and the next state out, compiled by Keras."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, _):
        self.built = True

    def call(self, inputs):
        with Memory(inputs["state"]) as memory:
            outputs = self.layer(inputs["x"])
        return outputs, memory.next


def values(batch=2, steps=12, channels=3):
    return np.random.default_rng(0).normal(size=(batch, steps, channels)).astype("float32")


def in_pieces(call, x, sizes, state=None):
    """Outputs of `call` side by side, and the last state; what the sizes leave over is the last piece."""
    outputs, state = [], state or {}
    ends = np.minimum(np.cumsum([*sizes, x.shape[1]]), x.shape[1])
    for begin, end in zip([0, *ends], ends, strict=False):
        if begin < end:
            with Memory(state) as memory:
                outputs.append(to_numpy(call(x[:, begin:end])))
            state = {key: to_numpy(value) for key, value in memory.next.items()}
    return np.concatenate(outputs, axis=1), state


def state_of(layer, x):
    with Memory({}) as memory:
        layer(x)
    return memory.next


LAYERS = {"difference": lambda: Difference(3), "total": Total, "twice": Twice}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
@examples(20)
@given(sizes=st.lists(st.integers(1, 5), max_size=8))
def test_pieces_give_what_the_whole_gives(make, sizes):
    layer, x = make(), values()
    np.testing.assert_allclose(in_pieces(layer, x, sizes)[0], to_numpy(layer(x)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 4])
def test_dilated_taps_are_those_of_the_whole_past(kernel_size, dilation):
    x, steps = values(), (kernel_size - 1) * dilation
    longer, rate = extend_dilated(None, x, kernel_size, dilation, fill=7.0)
    assert rate == dilation
    np.testing.assert_array_equal(to_numpy(longer)[:, steps:], x)
    assert (to_numpy(longer)[:, :steps] == 7).all()
    with Memory({}) as first:
        extend_dilated(None, x[:, :9], kernel_size, dilation, fill=7.0)
    with Memory(first.next):
        longer, rate = extend_dilated(None, x[:, 9:], kernel_size, dilation, fill=7.0)
    assert rate == dilation
    np.testing.assert_array_equal(to_numpy(longer)[:, steps:], x[:, 9:])
    np.testing.assert_array_equal(to_numpy(longer)[:, :steps], x[:, 9 - steps : 9])


def test_what_single_steps_need_is_noted():
    with Memory({}) as memory:
        extend_dilated(None, values(steps=1), 3, 4)
        extend_dilated(None, values(steps=2), 3, 4)
        extend_dilated(None, values(steps=1), 1, 4)
        extend(None, values(steps=1), 4)
    assert memory.dilated == {"000_NoneType_past": (2, 4)}


@pytest.mark.parametrize(("dtype", "fill"), [("int32", -1), ("bool", True), ("float32", -np.inf)])
def test_every_type_has_a_past(dtype, fill):
    x = np.ones((2, 5, 1), dtype)
    whole = to_numpy(extend(None, ops.convert_to_tensor(x), 2, fill=fill))
    with Memory({}):
        piece = to_numpy(extend(None, ops.convert_to_tensor(x), 2, fill=fill))
    assert whole.dtype == piece.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(whole, np.concatenate([np.full((2, 2, 1), fill, dtype), x], axis=1))
    np.testing.assert_array_equal(piece, whole)


@given(st.lists(st.booleans(), min_size=2, max_size=9), st.integers(1, 8))
@examples(20)
def test_a_sequence_begins_at_its_first_observed_step(observed, cut):
    mask = np.array([observed])
    begun, _ = in_pieces(lambda m: observed_before(None, ops.convert_to_tensor(m)), mask, [cut])
    np.testing.assert_array_equal(begun, np.logical_or.accumulate(mask, axis=1))
    np.testing.assert_array_equal(begun, to_numpy(observed_before(None, ops.convert_to_tensor(mask))))


@pytest.mark.parametrize(("jit", "batches", "cuts"), [(True, [2], [1, 2]), (False, [1, 3], [1, 2, 3, 9])])
def test_pieces_of_any_length_and_batch_compile(jit, batches, cuts):
    layer = keras.Sequential([CausalConv1D(4, 3, dilation_rate=2), Twice(), Total()])
    stream = Stream(layer)
    stream.compile(jit_compile=jit)
    for batch in batches:
        x = values(batch)
        whole = to_numpy(layer(x))
        pieces, state = [], state_of_zeros(layer, batch)
        for begin, end in zip([0, *cuts], [*cuts, 12], strict=True):
            outputs, state = stream.predict_on_batch({"x": x[:, begin:end], "state": state})
            pieces.append(outputs)
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-5, atol=1e-5)


def state_of_zeros(layer, batch):
    with Memory({}) as memory:
        layer(values(batch, steps=1))
    return {key: to_numpy(value) for key, value in memory.first.items()}


def test_a_state_has_the_type_that_is_computed_in():
    layer = keras.Sequential([CausalConv1D(4, 3, dilation_rate=2, dtype="mixed_bfloat16")])
    x = values()
    whole = to_numpy(ops.cast(layer(x), "float32"))
    pieces, state = in_pieces(layer, x, [1, 2, 1])
    assert {keras.backend.standardize_dtype(value.dtype) for value in state.values()} == {"bfloat16"}
    np.testing.assert_allclose(pieces.astype("float32"), whole, rtol=0.02, atol=0.02)


def test_a_full_pass_remembers_nothing():
    layer, x = Total(), values()
    first = to_numpy(layer(x))
    np.testing.assert_array_equal(to_numpy(layer(x)), first)


def test_the_context_ends_with_an_exception():
    layer, x = Total(), values()
    state = state_of(layer, x)
    with pytest.raises(ZeroDivisionError), Memory(state):
        _ = 1 / 0
    np.testing.assert_allclose(to_numpy(layer(x)), np.cumsum(x, axis=1), rtol=1e-5, atol=1e-5)


def test_an_inner_context_hides_the_outer_one():
    layer, x = Total(), values()
    with Memory({}) as outer:
        layer(x[:, :4])
        with Memory({}) as inner:
            layer(x)
        layer(x[:, 4:])
    assert len(outer.next) == 2
    (kept,) = inner.next.values()
    np.testing.assert_allclose(to_numpy(kept)[:, 0], x.sum(axis=1), rtol=1e-5, atol=1e-5)


def test_other_threads_do_not_see_a_context():
    layer, x = Total(), values()
    with ThreadPoolExecutor(1) as pool, Memory({}) as memory:
        elsewhere = to_numpy(pool.submit(layer, x).result())
        assert not memory.first
        layer(x)
    np.testing.assert_allclose(elsewhere, np.cumsum(x, axis=1), rtol=1e-5, atol=1e-5)


def test_a_layer_may_be_built_inside_the_context():
    layer, x = Twice(), values()
    with Memory({}) as memory:
        pieces = to_numpy(layer(x))
    assert list(memory.next) == ["000_Difference_past", "001_Difference_past"]
    np.testing.assert_allclose(pieces, to_numpy(layer(x)), rtol=1e-6, atol=1e-6)


def test_one_memory_serves_one_pass():
    layer, memory = Total(), Memory({})
    with memory:
        layer(values())
    with pytest.raises(RuntimeError, match=r"serves one pass"), memory:
        layer(values())


WRONG = {
    "of another layer": (lambda: state_of(Total(), values()), "a state without '000_Difference_past'"),
    "of another look-back": (
        lambda: state_of(Difference(2), values()),
        "'000_Difference_past' is float32 (2, 2, 3) in place of float32 (2, 3, 3)",
    ),
    "of another batch": (
        lambda: state_of(Difference(3), values(batch=1)),
        "'000_Difference_past' is float32 (1, 3, 3) in place of float32 (2, 3, 3)",
    ),
    "of another type": (
        lambda: state_of(Difference(3), values().astype("int32")),
        "'000_Difference_past' is int32 (2, 3, 3) in place of float32 (2, 3, 3)",
    ),
    "of more calls": (
        lambda: state_of(keras.Sequential([Difference(3), Total()]), values()),
        "a state with '001_Total_sum', which nothing recalled",
    ),
}


@pytest.mark.parametrize(("state", "received"), WRONG.values(), ids=WRONG)
def test_a_state_from_elsewhere_is_refused(state, received):
    with pytest.raises(ValueError, match=re.escape(received)), Memory(state()):
        Difference(3)(values())


def test_a_layer_keeps_what_it_recalls():
    class Forgets:
        def __call__(self, x):
            return recall(self, "sum", lambda: x[:, :1])[1] + x

    with pytest.raises(ValueError, match="Not kept: '000_Forgets_sum'"), Memory({}):
        Forgets()(values())


def test_a_layer_keeps_the_shape_that_it_recalls():
    class Grows:
        def __call__(self, x):
            key, _ = recall(self, "past", lambda: x[:, :1])
            keep(key, x)

    with pytest.raises(ValueError, match=re.escape("'000_Grows_past' is float32 (2, 12, 1)")), Memory({}):
        Grows()(values(channels=1))
