"""What every layer and model has to hold, each property a function of a `Case`."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from backends import ONE_STEP, build, compiled, gradients, to_numpy
from keras import ops

from tcn.inspection import measured_receptive_field

BATCH, STEPS = 2, 24
_BUILT: dict[str, Any] = {}
_OUTPUTS: dict[str, list[np.ndarray]] = {}


@dataclass(frozen=True)
class Case:
    """A layer, or a model of one input and one output, and what may be asked of it.

    Attributes:
        name: Unique; the test's id.
        make: Returns a fresh one with the same initial weights each time or not; may be given `dtype`.
        channels: Of the input.
        steps: Of the input, more than the receptive field.
        kind: "steps" if each output step belongs to an input step, "pooled" if time goes, "other" else.
        causal: No output depends on later inputs.
        hop: Pieces of a stream have a multiple of this length; None if it cannot be streamed.
        masks: It reads Keras' mask: what stands at masked steps does not matter.
        trains: It has trainable weights.
        half: It computes in half precision.
        inputs: Makes the input of a shape from a generator; standard normal unless told.
    """

    name: str
    make: Callable[..., Any]
    channels: int = 3
    steps: int = STEPS
    kind: str = "steps"
    causal: bool = True
    hop: int | None = 1
    masks: bool = True
    trains: bool = True
    half: bool = True
    inputs: Callable[..., Any] = field(default=lambda rng, *shape: rng.normal(size=shape).astype("float32"))

    def sample(self, batch: int = BATCH, steps: int | None = None, seed: int = 0) -> np.ndarray:
        return self.inputs(np.random.default_rng(seed), batch, steps or self.steps, self.channels)

    def built(self) -> Any:
        """The one that all checks look at; its weights all differ, because zeros and ones hide mistakes."""
        if self.name not in _BUILT:
            keras.utils.set_random_seed(1)
            layer = _BUILT[self.name] = self.make()
            build(layer, self.sample())
            rng = np.random.default_rng(1)
            for weight in layer.weights:
                if "seed" not in weight.path and np.issubdtype(weight.dtype, np.floating):
                    noise = rng.uniform(0.9, 1.1, size=weight.shape) if weight.trainable else 1.0
                    shift = 0.05 * rng.normal(size=weight.shape) if weight.trainable else 0.0
                    weight.assign(to_numpy(weight.value) * noise + shift)
        return _BUILT[self.name]

    def outputs(self) -> list[np.ndarray]:
        """What that one says of the sample."""
        if self.name not in _OUTPUTS:
            _OUTPUTS[self.name] = computed(self.built(), self.sample())
        return _OUTPUTS[self.name]


def flat(outputs: Any) -> list[np.ndarray]:
    return [to_numpy(o) for o in keras.tree.flatten(outputs)]


def computed(layer: Any, x: np.ndarray, mask: np.ndarray | None = None) -> list[np.ndarray]:
    return flat(compiled(layer)(x, mask)[0])


def check_configuration(case: Case) -> None:
    layer = case.built()
    config = json.loads(json.dumps(layer.get_config()))
    twin = type(layer).from_config(config)
    assert json.loads(json.dumps(twin.get_config())) == config
    named = set(inspect.signature(type(layer).__init__).parameters) - {"self", "args", "kwargs"}
    assert named <= set(config)
    build(twin, case.sample())
    twin.set_weights(layer.get_weights())
    for a, b in zip(case.outputs(), computed(twin, case.sample()), strict=True):
        np.testing.assert_array_equal(a, b)


def check_shape_before_building(case: Case) -> None:
    layer = case.make()
    known = layer.compute_output_shape((BATCH, case.steps, case.channels))
    assert [tuple(s) for s in _shapes(known)] == [o.shape for o in case.outputs()]


def check_unknown_length_and_batch(case: Case) -> None:
    layer = case.built()
    x = keras.Input((None, case.channels), dtype=str(case.sample().dtype))
    model = keras.Model(x, layer(x))
    for batch, steps in ((1, case.steps), (3, 2 * case.steps)):
        x = case.sample(batch, steps)
        for a, b in zip(computed(layer, x), computed(model, x), strict=True):
            assert a.shape[0] == batch
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def check_mixed_precision(case: Case) -> None:
    if not case.half:
        return
    layer = case.make(dtype="mixed_bfloat16")
    build(layer, case.sample())
    layer.set_weights(case.built().get_weights())
    outputs = keras.tree.flatten(compiled(layer)(case.sample())[0])
    assert {keras.backend.standardize_dtype(w.dtype) for w in layer.trainable_variables} <= {"float32"}
    for rough, fine in zip(outputs, case.outputs(), strict=True):
        assert keras.backend.standardize_dtype(rough.dtype) in ("bfloat16", "float32")
        np.testing.assert_allclose(to_numpy(ops.cast(rough, "float32")), fine, rtol=0.2, atol=0.2)


def check_training_step(case: Case) -> None:
    if not case.trains:
        return
    layer, x = case.built(), case.sample()
    inputs = keras.Input((None, case.channels), dtype=str(x.dtype))
    model = keras.Model(inputs, keras.tree.flatten(layer(inputs)))
    y = [np.zeros(o.shape, "float32") for o in case.outputs()]
    model.compile(keras.optimizers.SGD(1e-3), loss=["mse"] * len(y), **ONE_STEP)
    kept, before = layer.get_weights(), [to_numpy(w.value) for w in layer.trainable_variables]
    try:
        assert np.isfinite(np.ravel(model.train_on_batch(x, y))[0])
        after = [to_numpy(w.value) for w in layer.trainable_variables]
    finally:
        layer.set_weights(kept)
    assert any((a != b).any() for a, b in zip(after, before, strict=True))
    assert all(np.isfinite(a).all() for a in after)


def check_gradients_reach_every_weight(case: Case) -> None:
    if not case.trains:
        return
    layer = case.built()
    # Random weights on the outputs: the sum of a softmax has no slope.
    rng = np.random.default_rng(3)
    mix = [rng.normal(size=o.shape).astype("float32") for o in case.outputs()]

    def loss(outputs: Any) -> Any:
        parts = keras.tree.flatten(outputs)
        return sum(ops.sum(ops.cast(o, "float32") * m) for o, m in zip(parts, mix, strict=True))

    _, slopes, _ = gradients(layer, case.sample(), loss)
    for weight, slope in zip(layer.trainable_variables, slopes, strict=True):
        assert np.isfinite(slope).all(), weight.path
        assert np.abs(slope).max() > 0, weight.path


def check_causality(case: Case) -> None:
    if not case.causal or case.kind != "steps":
        return
    layer = case.built()
    x = case.sample()
    first = case.outputs()
    for origin in (0, case.steps // 2, case.steps - 2):
        changed = x.copy()
        changed[:, origin + 1 :] = case.sample(seed=9)[:, origin + 1 :]
        for a, b in zip(first, computed(layer, changed), strict=True):
            np.testing.assert_array_equal(a[:, : origin + 1], b[:, : origin + 1])
            assert (a[:, origin + 1 :] != b[:, origin + 1 :]).any()


def check_receptive_field(case: Case) -> None:
    layer = case.built()
    field = getattr(layer, "receptive_field", None)  # None too if it is all that came before
    if field is None or not case.causal or case.kind != "steps":
        return
    assert measured_receptive_field(layer, case.sample(16, 4 * field + 20)) == field


def check_batch_independence(case: Case) -> None:
    layer = case.built()
    x = case.sample(3)
    for a, b in zip(computed(layer, x), computed(layer, x[::-1].copy()), strict=True):
        np.testing.assert_allclose(a, b[::-1], rtol=1e-5, atol=1e-5)


def check_streaming(case: Case) -> None:
    if case.hop is None or case.kind != "steps":
        return
    layer = case.built()
    x = case.sample()
    whole = case.outputs()
    state: dict[str, Any] = {}
    pieces, begin = [], 0
    for hops in (1, 2, 1, 3, case.steps):
        piece = x[:, begin : begin + hops * case.hop]
        begin += piece.shape[1]
        if piece.shape[1] == 0:
            break
        outputs, state = compiled(layer)(piece, None, state)
        pieces.append(flat(outputs))
        state = {key: to_numpy(value) for key, value in state.items()}
    for i, a in enumerate(whole):
        joined = np.concatenate([piece[i] for piece in pieces], axis=1)
        np.testing.assert_allclose(joined, a, rtol=1e-5, atol=1e-5)


def check_masks(case: Case) -> None:
    if not case.masks:
        return
    layer = case.built()
    x = case.sample()
    mask = np.random.default_rng(5).random(x.shape[:2]) < 0.7
    mask[:, case.steps // 2] = True
    masked = computed(layer, x, mask)
    assert all(np.isfinite(o).all() for o in masked)
    other = np.where(mask[..., None], x, case.sample(seed=8))
    for a, b in zip(masked, computed(layer, other, mask), strict=True):
        if case.kind == "steps":
            a, b = a[mask], b[mask]
        np.testing.assert_array_equal(a, b)
    for a, b in zip(computed(layer, x, np.ones_like(mask)), case.outputs(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    propagated = keras.tree.flatten(layer.compute_mask(x, ops.convert_to_tensor(mask)))
    if case.kind == "steps":
        np.testing.assert_array_equal(to_numpy(propagated[0]), mask)
    elif case.kind == "pooled":
        assert all(p is None for p in propagated)


CHECKS = [
    check_configuration,
    check_shape_before_building,
    check_unknown_length_and_batch,
    check_mixed_precision,
    check_training_step,
    check_gradients_reach_every_weight,
    check_causality,
    check_receptive_field,
    check_batch_independence,
    check_streaming,
    check_masks,
]


def _shapes(shape: Any) -> list[tuple[int | None, ...]]:
    single = isinstance(shape, tuple) and all(s is None or isinstance(s, int) for s in shape)
    return [shape] if single else [s for part in shape for s in _shapes(part)]
