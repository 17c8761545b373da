"""A stream computes what the model computes of the whole sequence, and refuses what it cannot compute."""

import re
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from backends import examples, to_numpy
from contract import flat
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tcn.layers.causal import CausalConv1D
from tcn.memory import extend, extend_dilated, keep, recall
from tcn.streaming import Streaming
from tcn.streaming import stream as implementation
from tcn.streaming.state import Queue

CASES = [
    case
    for path in sorted(Path(__file__).parent.glob("cases_*.py"))
    for case in import_module(path.stem).CASES
    if case.hop is not None and case.kind == "steps"
]


class Lagged(keras.layers.Layer):
    """Mean of steps `dilation_rate` apart, read as a dilated convolution reads them."""

    def __init__(self, taps, dilation_rate, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.taps, self.dilation_rate = taps, dilation_rate

    def call(self, inputs):
        longer, rate = extend_dilated(self, inputs, self.taps, self.dilation_rate)
        length = ops.shape(inputs)[1]
        return sum(longer[:, i * rate : i * rate + length] for i in range(self.taps)) / self.taps


class Total(keras.layers.Layer):
    """Sum of all steps so far."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        key, before = recall(self, "sum", lambda: ops.zeros_like(inputs[:, :1]))
        sums = before + ops.cumsum(inputs, axis=1)
        keep(key, sums[:, -1:])
        return sums


class Halved(keras.layers.Layer):
    """Every second step minus the one before it, for pieces of an even number of steps."""

    hop = 2

    def call(self, inputs):
        longer = extend(self, inputs, 1)
        return longer[:, 1::2] - longer[:, :-1:2]


class LastSum(keras.layers.Layer):
    """Sum of the sequence: no axis of time."""

    def call(self, inputs):
        key, before = recall(self, "sum", lambda: ops.zeros_like(inputs[:, 0]))
        total = before + ops.sum(inputs, axis=1)
        keep(key, total)
        return total[:, :1]


class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = CausalConv1D(4, 2, dilation_rate=3)
        self.lagged = Lagged(2, 4)

    def call(self, inputs):
        return {"a": self.conv(inputs), "b": self.lagged(inputs)}


def sequential():
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            CausalConv1D(4, 3, dilation_rate=2, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=0),
            Lagged(3, 5),
            keras.layers.LayerNormalization(),
            keras.layers.Dense(2, activation="tanh"),
        ]
    )
    mean, variance = model.layers[1].non_trainable_weights
    mean.assign([0.1, -0.2, 0.3, 0.4])
    variance.assign([0.5, 1.5, 2.0, 0.7])
    return model


def functional():
    x = keras.Input((None, 3))
    shared = Lagged(2, 3)
    a = shared(x)
    b = shared(a)
    scaled = keras.layers.Multiply()([keras.layers.Rescaling(2.0)(a), b])
    joined = keras.layers.Concatenate()([keras.layers.Add()([a, b]), scaled, Total()(x)])
    return keras.Model(x, keras.layers.Dense(2)(joined))


def of_words():
    return keras.Sequential(
        [keras.Input((None,), dtype="int32"), keras.layers.Embedding(7, 4), CausalConv1D(3, 2)]
    )


def of_several_inputs():
    x, words, facts = keras.Input((None, 2)), keras.Input((None,), dtype="int32"), keras.Input((3,))
    seen = keras.layers.Concatenate()([x, keras.layers.Embedding(5, 2)(words)])
    of_series = keras.layers.Reshape((1, 4))(keras.layers.Dense(4)(facts))
    return keras.Model([x, words, facts], keras.layers.Add()([CausalConv1D(4, 3)(seen), of_series]))


def of_two_rates():
    x = keras.Input((None, 2))
    return keras.Model(x, CausalConv1D(3, 2)(Halved()(Halved()(Lagged(2, 3)(x)))))


def bare():
    layer = Lagged(3, 2)
    layer(np.ones((1, 4, 2), "float32"))
    return layer


def subclassed():
    model = Subclassed()
    model(np.ones((1, 4, 3), "float32"))
    return model


def of_the_whole():
    x = keras.Input((None, 2))
    hidden = CausalConv1D(3, 2)(x)
    return keras.Model(x, [keras.layers.Dense(2)(hidden), LastSum()(hidden)])


MODELS = {
    m.__name__: m
    for m in (
        sequential,
        functional,
        of_words,
        of_several_inputs,
        of_two_rates,
        bare,
        subclassed,
        of_the_whole,
    )
}
STEPS = 24


def inputs_of(model, batch=2, steps=STEPS):
    rng = np.random.default_rng(0)
    if not hasattr(model, "inputs") or not model.inputs:
        return rng.normal(size=(batch, steps, model.get_build_config()["input_shape"][-1])).astype("float32")
    arrays = [
        rng.integers(5, size=(batch, steps)).astype("int32")
        if t.dtype == "int32"
        else rng.normal(size=(batch, *(size or steps for size in t.shape[1:]))).astype("float32")
        for t in model.inputs
    ]
    return arrays if len(arrays) > 1 else arrays[0]


def cut(x, begin, end):
    """From one step to another; what has no steps stays as it is."""
    if isinstance(x, list):
        return [cut(part, begin, end) for part in x]
    return x if x.shape[1:] == (3,) else x[:, begin:end]


def in_pieces(stream, x, sizes, state, mask=None):
    """Lists of outputs of each piece, and the last state; what the sizes leave over is the last piece."""
    outputs = []
    steps = x[0].shape[1] if isinstance(x, list) else x.shape[1]
    ends = np.minimum(np.cumsum([*sizes, steps]) * stream.hop, steps)
    for begin, end in zip([0, *ends], ends, strict=False):
        if begin < end:
            part = None if mask is None else mask[:, begin:end]
            y, state = stream.step(cut(x, begin, end), state, mask=part)
            outputs.append(flat(y))
    return outputs, state


def assert_same(pieces, whole):
    for i, y in enumerate(whole):
        parts = [piece[i] for piece in pieces]
        joined = parts[-1] if y.ndim == 2 and y.shape[1] == 1 else np.concatenate(parts, axis=1)
        np.testing.assert_allclose(joined, y, rtol=1e-5, atol=1e-5)


@pytest.fixture
def eager(monkeypatch):
    """Programs are run operation by operation: the same computation, without the seconds of compiling it."""
    if implementation.is_eager():
        monkeypatch.setattr(implementation, "compiled", lambda function, *_: function)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("eager")
def test_any_pieces_give_what_the_whole_gives(name):
    model = MODELS[name]()
    stream, x = Streaming(model), inputs_of(model)
    whole = flat(model(x, training=False)) if stream._has_mode else flat(model(x))
    hops = STEPS // stream.hop
    rng = np.random.default_rng(1)
    for sizes in ([], [1] * hops, *rng.integers(1, 4, size=(4, hops))):
        assert_same(in_pieces(stream, x, sizes, stream.initial_state(2))[0], whole)


@pytest.mark.parametrize("name", ["sequential", "of_several_inputs", "of_two_rates", "of_the_whole"])
def test_compiled_steps_give_what_the_whole_gives(name):
    model = MODELS[name]()
    stream, x = Streaming(model), inputs_of(model)
    pieces, _ = in_pieces(stream, x, [1, 2, 1, 2, 1, 1], stream.initial_state(2))
    assert_same(pieces, flat(model(x, training=False)))


@pytest.mark.skipif(not implementation.is_eager(), reason="minutes of compiling; the contract tests it")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.usefixtures("eager")
def test_every_layer_streams(case):
    layer, x = case.built(), case.sample()
    stream = Streaming(layer)
    assert stream.hop == case.hop
    pieces, begin, state = [], 0, stream.initial_state(len(x))
    for hops in (1, 1, 3, 1, case.steps):
        if begin < case.steps:
            y, state = stream.step(x[:, begin : begin + hops * case.hop], state)
            pieces.append(flat(y))
            begin += hops * case.hop
    for i, y in enumerate(flat(layer(x))):
        joined = np.concatenate([piece[i] for piece in pieces], axis=1)
        np.testing.assert_allclose(joined, y, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("eager")
def test_one_step_may_come_without_an_axis_of_time():
    for model in (sequential(), of_several_inputs(), of_the_whole()):
        stream, x = Streaming(model), inputs_of(model)
        state = other = stream.initial_state(2)
        for t in range(4):
            now = cut(x, t, t + 1)
            bare = [a if a.shape[1:] == (3,) else a[:, 0] for a in now] if isinstance(x, list) else now[:, 0]
            y, state = stream.step(now, state)
            z, other = stream.step(bare, other)
            for a, b in zip(flat(y), flat(z), strict=True):
                np.testing.assert_array_equal(a if a.shape == b.shape else a[:, 0], b)


@pytest.mark.usefixtures("eager")
def test_a_state_is_stored_without_pickle_and_read_by_another_stream(tmp_path):
    first, second = sequential(), sequential()
    second.set_weights(first.get_weights())
    assert first.layers[0].name != second.layers[0].name
    stream, x = Streaming(first), inputs_of(first)
    pieces, state = in_pieces(stream, x[:, :10], [1] * 10, stream.initial_state(2))
    np.savez(tmp_path / "state.npz", **stream.to_numpy(state))
    with np.load(tmp_path / "state.npz", allow_pickle=False) as stored:
        y, _ = Streaming(second).step(x[:, 10:], stored)
    assert_same([*pieces, flat(y)], flat(first(x, training=False)))


@pytest.mark.usefixtures("eager")
def test_past_inputs_are_in_the_order_of_time():
    layer = Lagged(3, 2)
    x = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    layer(x)
    stream = Streaming(layer)
    state = stream.initial_state(2)
    assert {key: array.shape for key, array in stream.to_numpy(state).items()} == {
        "000_Lagged_past": (2, 4, 3)
    }
    for t in range(9):
        _, state = stream.step(x[:, t], state)
    np.testing.assert_array_equal(stream.to_numpy(state)["000_Lagged_past"], x[:, 5:])
    _, state = stream.step(x, state)
    np.testing.assert_array_equal(stream.to_numpy(state)["000_Lagged_past"], x[:, 5:])


@pytest.mark.usefixtures("eager")
def test_a_step_copies_nothing_of_the_past():
    layer = Lagged(2, 50)
    layer(np.ones((1, 2, 3), "float32"))
    stream = Streaming(layer)
    _, before = stream.step(np.ones((1, 3), "float32"), stream.initial_state())
    _, after = stream.step(np.ones((1, 3), "float32"), before)
    (old,), (moved,) = before.queues, after.queues
    assert len(old.every()) == len(moved.every()) == 50
    assert all(a is b for a, b in zip(old.every()[1:], moved.every()[:-1], strict=True))
    assert old.entries is moved.entries


def test_queues_of_one_past_do_not_disturb_each_other():
    queue = start = Queue(list(range(3)), 3, 3)
    for entry in range(3, 100):
        other = queue.with_newest(-entry)
        queue = queue.with_newest(entry)
        assert queue.every() == [entry - 2, entry - 1, entry]
        assert other.every() == [entry - 2, entry - 1, -entry]
        assert len(queue.entries) <= 6
    assert start.every() == [0, 1, 2]
    assert Queue(list(range(7)), 7, 7).every(3) == [0, 3, 6]


def test_a_queue_of_two_threads_is_each_ones_own():
    class Slow(list):
        """A list to which another thread adds first."""

        def append(self, entry):
            super().append("other")
            super().append(entry)

    assert Queue(Slow([1, 2]), 2, 2).with_newest(3).every() == [2, 3]


@pytest.mark.usefixtures("eager")
def test_two_steps_may_start_from_the_same_state():
    model = functional()
    stream, x = Streaming(model), inputs_of(model)
    _, state = stream.step(x[:, :7], stream.initial_state(2))
    kept = stream.to_numpy(state)
    first, _ = stream.step(x[:, 7], state)
    stream.step(x[:, 9], state)
    stream.step(x[:, 9:14], state)
    again, _ = stream.step(x[:, 7], state)
    np.testing.assert_array_equal(to_numpy(first), to_numpy(again))
    for key, array in stream.to_numpy(state).items():
        np.testing.assert_array_equal(array, kept[key])


def test_steps_use_the_weights_of_the_time():
    model = keras.Sequential([keras.Input((None, 2)), CausalConv1D(2, 2)])
    stream, x = Streaming(model), inputs_of(model)
    stream.step(x[:, 0], stream.initial_state(2))
    model.set_weights([2 * w + 1 for w in model.get_weights()])
    y, _ = stream.step(x[:, 0], stream.initial_state(2))
    np.testing.assert_allclose(to_numpy(y), to_numpy(model(x))[:, 0], rtol=1e-5, atol=1e-5)


def test_half_precision_streams_and_is_stored(tmp_path):
    model = keras.Sequential([keras.Input((None, 2)), Lagged(2, 2, dtype="mixed_bfloat16"), Total()])
    stream, x = Streaming(model), inputs_of(model)
    whole = to_numpy(model(x)).astype("float32")
    pieces, state = [], stream.initial_state(2)
    for t in range(6):
        y, state = stream.step(x[:, t], state)
        pieces.append(to_numpy(y).astype("float32"))
        np.savez(tmp_path / "state.npz", **stream.to_numpy(state))
        state = dict(np.load(tmp_path / "state.npz", allow_pickle=False))
    np.testing.assert_allclose(np.stack(pieces, axis=1), whole[:, :6], rtol=0.02, atol=0.02)


def masked_model():
    x = keras.Input((None, 3))
    return keras.Model(x, CausalConv1D(2, 2, dilation_rate=3)(CausalConv1D(4, 3)(x)))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("make", [masked_model, lambda: masked_model().layers[1]], ids=["model", "layer"])
def test_masked_streams_give_what_the_masked_whole_gives(make):
    model = make()
    stream = Streaming(model)

    @examples(10)
    @given(seed=st.integers(0, 99), sizes=st.lists(st.integers(1, 3), min_size=STEPS))
    def check(seed, sizes):
        x = np.random.default_rng(0).normal(size=(2, STEPS, 3)).astype("float32")
        mask = np.random.default_rng(seed).random((2, STEPS)) < 0.6
        whole = to_numpy(masked_call(model, x, mask))
        x[~mask] = np.nan
        state = stream.initial_state(2, masked=True)
        assert_same(in_pieces(stream, x, sizes, state, mask)[0], [whole])

    check()


def masked_call(model, x, mask):
    """A functional model that is called as a layer is warns that its outputs have no mask."""
    call = model.call if isinstance(model, keras.Model) else model
    return call(ops.convert_to_tensor(x), mask=ops.convert_to_tensor(mask))


def test_a_masked_stream_is_compiled_and_stored_like_any_other():
    model = masked_model()
    stream, x = Streaming(model), inputs_of(model)
    mask = np.random.default_rng(3).random((2, STEPS)) < 0.6
    mask[:, 9:] = True
    whole = to_numpy(masked_call(model, x, mask))
    state = stream.initial_state(2, masked=True)
    for t in range(12):
        y, state = stream.step(x[:, t], state, mask=mask[:, t] if t < 9 else None)
        state = stream.to_numpy(state) if t % 2 else state
        np.testing.assert_allclose(to_numpy(y), whole[:, t], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("eager")
def test_masks_in_the_wrong_place_are_refused():
    stream = Streaming(masked_model())
    x = np.ones((2, 4, 3), "float32")
    with pytest.raises(ValueError, match=r"state of a masked stream"):
        stream.step(x, stream.initial_state(2), mask=np.ones((2, 4), "bool"))
    state = stream.initial_state(2, masked=True)
    for mask in (np.ones((2, 3), "bool"), np.ones((2, 4), "int32")):
        received = f"must be bool (2, 4), as the input is. Received: {mask.dtype} {mask.shape}"
        with pytest.raises(ValueError, match=re.escape(received)):
            stream.step(x, state, mask=mask)
    with pytest.raises(ValueError, match=r"call has an argument 'mask'. Received: 'lagged"):
        Streaming(bare()).initial_state(2, masked=True)


class ZeroPadded(keras.layers.Layer):
    """Looks back without the memory of tcn."""

    def call(self, inputs):
        return inputs + ops.pad(inputs, ((0, 0), (20, 0), (0, 0)))[:, :-20]


class Odd(keras.layers.Layer):
    """Takes pieces of three steps or more."""

    def call(self, inputs):
        if inputs.shape[1] < 3:
            raise IndexError("Too short.")
        return inputs


def attention(x):
    return keras.layers.MultiHeadAttention(1, 2, name="heads")(x, x, use_causal_mask=True)


layers = keras.layers
REFUSED = {
    "lstm": (
        layers.LSTM(3, return_sequences=True, name="a"),
        "layer 'a' of class LSTM, which starts every piece",
    ),
    "both ways": (layers.Bidirectional(layers.GRU(3), name="a"), "layer 'a' of class Bidirectional"),
    "zeros in front": (layers.Conv1D(3, 2, padding="causal", name="a"), "use tcn.layers.CausalConv1D"),
    "valid": (
        layers.Conv1D(3, 2, name="a"),
        "layer 'a' of class Conv1D, which starts every piece from zeros",
    ),
    "global pooling": (layers.GlobalAveragePooling1D(name="a"), "'a' of class GlobalAveragePooling1D"),
    "pooling": (layers.MaxPooling1D(2, name="a"), "layer 'a' of class MaxPooling1D, which pools"),
    "attention": (attention, "layer 'heads' of class MultiHeadAttention, which attends"),
    "flatten": (lambda x: layers.Flatten(name="a")(x[:, :1]), "layer 'a' of class Flatten, which joins"),
    "own padding": (ZeroPadded(name="a"), "first layer to do so is 'a' of class ZeroPadded"),
    "statistics of the piece": (
        layers.LayerNormalization(axis=[1, 2], name="a", center=False, scale=False),
        "differ in pieces of a multiple of 1",
    ),
}


@pytest.mark.parametrize(("layer", "received"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_stream_is_refused(layer, received):
    x = keras.Input((None, 3))
    hidden = CausalConv1D(3, 2)(keras.layers.Conv1D(3, 1)(x))
    with pytest.raises(ValueError, match=re.escape(received)):
        Streaming(keras.Model(x, layer(hidden)))


def test_what_takes_no_short_pieces_is_refused():
    layer = Odd()
    layer(np.ones((1, 4, 3), "float32"))
    with pytest.raises(ValueError, match=r"of class Odd: pieces of 1 steps raise IndexError"):
        Streaming(layer)


def test_each_step_may_be_a_sequence_of_its_own():
    x = keras.Input((None, 5, 2))
    model = keras.Model(x, keras.layers.TimeDistributed(keras.layers.Conv1D(3, 2))(x))
    assert Streaming(model).hop == 1


def test_models_that_cannot_be_asked_are_refused():
    with pytest.raises(ValueError, match=r"has weights: build it"):
        Streaming(CausalConv1D(3, 2))
    x = keras.Input((8, 3))
    with pytest.raises(ValueError, match=re.escape("Input((None, channels)). Received: (None, 8, 3)")):
        Streaming(keras.Model(x, CausalConv1D(3, 2)(x)))
    adds = keras.layers.Add()
    adds([np.ones((1, 4, 2)), np.ones((1, 4, 2))])
    with pytest.raises(ValueError, match=r"needs a model of one input, or a functional one"):
        Streaming(adds)


@pytest.mark.usefixtures("eager")
def test_inputs_of_other_sizes_are_refused():
    stream = Streaming(sequential())
    state = stream.initial_state(2)
    for shape in ((2, 5, 4), (2, 4), (2, 0, 3), (3,), ()):
        rule = f"(batch, steps, 3), or (batch, 3) for one step. Received: shape {shape}"
        with pytest.raises(ValueError, match=re.escape(rule)):
            stream.step(np.ones(shape, "float32"), state)
    stream = Streaming(of_two_rates())
    state = stream.initial_state(2)
    for shape in ((2, 6, 2), (2, 2)):
        with pytest.raises(ValueError, match=re.escape("(batch, steps, 2) with a multiple of 4 steps.")):
            stream.step(np.ones(shape, "float32"), state)
    with pytest.raises(ValueError, match=r"'batch' must be a positive integer"):
        stream.initial_state(0)


def wrong_states():
    model = keras.Sequential([keras.Input((None, 3)), Lagged(2, 2), Total()])
    stream = Streaming(model)
    right = stream.to_numpy(stream.initial_state(2))
    yield (
        stream,
        stream.initial_state(3),
        "a state of 3 sequences and an input of 2. Start with initial_state(batch=2)",
    )
    yield (
        stream,
        stream.to_numpy(stream.initial_state(3)),
        "'000_Lagged_past' is float32 (3, 2, 3) in place of",
    )
    yield stream, {}, "'000_Lagged_past', '001_Total_sum' are missing and none are of another model"
    yield stream, {**right, "x": right["001_Total_sum"]}, "none are missing and 'x' are of another model"
    whole = right["000_Lagged_past"].astype("int32")
    yield (
        stream,
        {**right, "000_Lagged_past": whole},
        "'000_Lagged_past' is int32 (2, 2, 3) in place of float32",
    )
    other = Streaming(keras.Sequential([keras.Input((None, 3)), Lagged(2, 5), Total()]))
    yield (
        stream,
        other.initial_state(2),
        "'000_Lagged_past' is float32 (2, 5, 3) in place of float32 (2, 2, 3)",
    )


@pytest.mark.usefixtures("eager")
def test_states_from_elsewhere_are_refused():
    for stream, state, received in wrong_states():
        for steps in (1, 3):
            with pytest.raises(ValueError, match=re.escape(received)):
                stream.step(np.ones((2, steps, 3), "float32"), state)
