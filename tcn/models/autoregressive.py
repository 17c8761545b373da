"""WaveNet as a distribution of series: the next value given those before it."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.layers.checks import check_positive
from tcn.memory import extend, observed_before
from tcn.models.wavenet import WaveNet
from tcn.streaming import Streaming

__all__ = ["AutoregressiveWaveNet"]

UNKNOWN = -1
"""In place of a class: before the first value, and where one is missing. One-hot encoding makes it zeros."""


@keras.saving.register_keras_serializable(package="tcn")
class AutoregressiveWaveNet(keras.Model):
    """Distribution of each value of a series of classes, given the values before it.

    `p(x_1, ..., x_T) = prod_t p(x_t | x_1, ..., x_{t-1})`. The series is delayed by a step inside the model,
    so that it is its own target: `fit(x, x)` trains at all steps in one pass. `tcn.mu_law` makes classes of
    real values.

    Args:
        classes: How many.
        filters: Channels of the residual path and of the gates.
        kernel_size: Taps of each convolution.
        dilations: Dilation rate of each block of a cycle.
        cycles: How often the dilations are gone through.
        skip_filters: Channels of the skip outputs; by default `filters`.
        dropout: Share of the channels that the convolution of a block does not see in training.
        weight_norm: Whether to learn length and direction of each kernel apart.
        seed: Integer that fixes the initial weights and dropout.

    Input shape:
        `(batch, time)` or `(batch, time, 1)`: integers from 0 to `classes - 1`; others count as missing. Any
        length. `condition`, what is known of each series or of each of its steps in advance: `(batch, size)`
        or `(batch, time, size)`.

    Output shape:
        `(batch, time, classes)`: logarithms of the probabilities. Losses take them with `from_logits=True`.

    Raises:
        ValueError: If a size is not a positive integer or `dropout` not a rate.

    Example:
        >>> import numpy as np
        >>> from tcn.models import AutoregressiveWaveNet
        >>> model = AutoregressiveWaveNet(classes=3, filters=8, dilations=(1, 2, 4), seed=0)
        >>> series = np.tile([0, 1, 2], 20)[None]
        >>> tuple(model(series).shape), tuple(model.log_likelihood(series).shape)
        ((1, 60, 3), (1, 60))
        >>> model.generate(series, steps=5, seed=0).shape
        (1, 5)

    Reference:
        van den Oord et al. (2016), WaveNet: A Generative Model for Raw Audio; Le Paine et al. (2016), Fast
        Wavenet Generation Algorithm.
    """

    def __init__(
        self,
        classes: int = 256,
        filters: int = 32,
        kernel_size: int = 2,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        cycles: int = 1,
        skip_filters: int | None = None,
        dropout: float = 0.0,
        weight_norm: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        [self.classes] = check_positive(classes=classes)
        # Classes that come as floating-point numbers are not to be rounded to half precision.
        self.autocast = False
        self.network = WaveNet(
            filters=filters,
            kernel_size=kernel_size,
            dilations=dilations,
            cycles=cycles,
            skip_filters=skip_filters,
            output_filters=self.classes,
            dropout=dropout,
            weight_norm=weight_norm,
            seed=seed,
            dtype=self.dtype_policy,
            name="network",
        )
        self._streams: dict[int, Streaming] = {}

    @property
    def receptive_field(self) -> int:
        """Number of values before a step that its distribution depends on."""
        return self.network.receptive_field

    def build(
        self, inputs_shape: tuple[int | None, ...], condition_shape: tuple[int | None, ...] | None = None
    ) -> None:
        """Create the weights, for a condition too if its shape is given."""
        if len(inputs_shape) == 3 and inputs_shape[-1] != 1:
            raise ValueError(
                "The input must be one class a step, (batch, time) or (batch, time, 1); what else is known "
                f"can be a condition. Received: shape {tuple(inputs_shape)}"
            )
        self.network.build((*inputs_shape[:2], self.classes), condition_shape)

    def call(self, inputs: Any, condition: Any = None, mask: Any = None, inputs_mask: Any = None) -> Any:
        """Look at what is before each value; beside a condition, Keras passes the mask as `inputs_mask`."""
        mask = inputs_mask if mask is None else mask
        series = _series(inputs)
        if mask is None:
            return self._next(extend(self, series, 1, fill=UNKNOWN)[:, :-1], condition)
        series = ops.where(mask, series, UNKNOWN)
        begun = observed_before(self, mask)
        # The delayed series begins, with nothing known, where the series begins.
        starts = ops.logical_and(begun, ops.logical_not(self._delayed(begun, "begun")))
        known = ops.logical_or(self._delayed(mask, "mask"), starts)
        return self._next(extend(self, series, 1, fill=UNKNOWN)[:, :-1], condition, known)

    def _delayed(self, flags: Any, name: str) -> Any:
        return extend(self, flags, 1, fill=False, name=name)[:, :-1]

    def _next(self, series: Any, condition: Any, mask: Any = None) -> Any:
        """Log-probabilities of the value after each."""
        seen = ops.one_hot(series, self.classes, dtype=self.compute_dtype)
        scores = self.network(seen, condition=condition, mask=mask)
        return ops.log_softmax(ops.cast(scores, "float32"), axis=-1)

    def log_likelihood(self, inputs: Any, condition: Any = None, mask: Any = None) -> Any:
        """Logarithm of the probability of each value, given those before it.

        Args:
            inputs: As in a call.
            condition: As in a call.
            mask: Boolean, `(batch, time)`: which values were observed.

        Returns:
            `(batch, time)`, in nats; 0 where a value was not observed. Their sum is that of the series.

        Raises:
            ValueError: If a value of an array is no class; a negative one stands for a missing value.
        """
        series = _series(ops.convert_to_tensor(inputs))
        if not ops.is_tensor(inputs):  # A tensor has no values yet while a function is compiled.
            self._check_classes("inputs", series)
        known = series >= 0 if mask is None else ops.logical_and(mask, series >= 0)
        of_each = self(inputs, condition=condition, mask=mask)
        picked = ops.take_along_axis(of_each, ops.where(known, series, 0)[..., None], axis=-1)[..., 0]
        return ops.where(known, picked, 0.0)

    def generate(
        self,
        context: Any,
        steps: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        condition: Any = None,
        seed: int | None = None,
    ) -> np.ndarray:
        """Draw the values that follow, one by one, each given all before it.

        The context is read in one pass; a step then costs the same however long the series is.

        Args:
            context: Classes, `(batch, time)` or `(batch, time, 1)`; may have no steps.
            steps: Values to draw.
            temperature: Logarithms of probabilities are divided by it: below 1 for what is more probable.
            top_k: Draw from so many most probable classes; 1 takes the most probable. None for all.
            condition: As in a call; one for each step has `time + steps` steps.
            seed: Integer that fixes the values.

        Returns:
            Classes, `(batch, steps)` or `(batch, steps, 1)`.

        Raises:
            ValueError: If an argument is out of range, the model has no weights yet, or it was built with a
                condition and there is none, or the other way round.
        """
        check_positive(steps=steps, top_k=self.classes if top_k is None else top_k)
        if not temperature > 0:
            raise ValueError(
                f"'temperature' must be positive; pass top_k=1 for the most probable class. "
                f"Received: temperature={temperature!r}"
            )
        if not self.built:
            raise ValueError("The model has no weights yet: fit it, or call it once.")
        context = np.asarray(context)
        if context.ndim not in (2, 3) or context.shape[2:] not in ((), (1,)):
            raise ValueError(
                "'context' must be one class a step of each series, (batch, time) or (batch, time, 1). "
                f"Received: shape {context.shape}. Pass context[None] for a single series."
            )
        self._check_condition(condition)
        series = context.reshape(context.shape[:2]).astype("int32")
        self._check_classes("context", series)
        length = series.shape[1]
        if np.ndim(condition) == 3 and np.shape(condition)[1] != length + steps:
            raise ValueError(
                f"A condition of each step must have those of context and those to draw, {length} + {steps}. "
                f"Received: {np.shape(condition)[1]} steps"
            )
        begin = np.full((len(series), 1), UNKNOWN, "int32")
        piece = np.concatenate([begin, series], axis=1)[:, -self.receptive_field :]
        rng = np.random.default_rng(seed)
        stream = self._stream(condition)
        state = stream.initial_state(len(series))
        drawn: list[np.ndarray] = []
        for end in range(length + 1, length + 1 + steps):
            scores, state = stream.step(self._seen(piece, condition, end), state)
            piece = _draw(scores[:, -1], temperature, top_k or self.classes, rng)
            drawn.append(piece)
        return np.concatenate(drawn, axis=1).reshape(len(series), steps, *context.shape[2:])

    def _check_classes(self, name: str, series: Any) -> None:
        largest = int(np.max(ops.convert_to_numpy(series), initial=UNKNOWN))
        if largest >= self.classes:
            raise ValueError(f"'{name}' must hold classes below {self.classes}. Received: {largest}")

    def _check_condition(self, condition: Any) -> None:
        conditioned = self.network.blocks[0].conditioning is not None
        if conditioned and condition is None:
            raise ValueError(
                "'condition' must be given to a model that was built with one. Received: condition=None"
            )
        if condition is not None and not conditioned:
            raise ValueError(
                "'condition' must be None for a model that was built without one. Received: a condition of "
                f"shape {np.shape(condition)}. Make the model anew and call it with a condition first."
            )

    def _stream(self, condition: Any) -> Streaming:
        """The network as it is streamed, with a condition of this rank or without; compiled once."""
        rank = np.ndim(condition)
        if rank not in self._streams:
            inputs = [keras.Input((None, self.classes))]
            if condition is not None:
                inputs.append(keras.Input((*[None] * (rank - 2), np.shape(condition)[-1])))
            self._streams[rank] = Streaming(keras.Model(inputs, self.network(*inputs)))
        return self._streams[rank]

    def _seen(self, piece: np.ndarray, condition: Any, end: int) -> list[np.ndarray]:
        """Inputs of the network for the values before the steps up to `end`, counted from 1."""
        one_hot = (piece[..., None] == np.arange(self.classes)).astype("float32")
        if condition is None:
            return [one_hot]
        h = np.asarray(condition, "float32")
        return [one_hot, h[:, end - piece.shape[1] : end] if h.ndim == 3 else h]

    def compute_output_shape(
        self, inputs_shape: tuple[int | None, ...], condition_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return `(batch, time, classes)`."""
        return (*inputs_shape[:2], self.classes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        network = self.network.get_config()
        own = {key: network[key] for key in network if key not in ("name", "trainable", "output_filters")}
        return {**super().get_config(), **own, "classes": self.classes}


def _series(inputs: Any) -> Any:
    return ops.cast(inputs[..., 0] if len(inputs.shape) == 3 else inputs, "int32")


def _draw(scores: Any, temperature: float, top_k: int, rng: np.random.Generator) -> np.ndarray:
    """One class a row, `(batch, 1)`, with probabilities proportional to `exp(scores / temperature)`."""
    scores = np.asarray(ops.convert_to_numpy(ops.cast(scores, "float32")), "float64") / temperature
    best = np.argsort(scores, axis=-1)[:, -top_k:]
    kept = np.take_along_axis(scores, best, axis=-1)
    # The largest of scores with Gumbel noise is a draw from their softmax.
    choice = np.argmax(kept + rng.gumbel(size=kept.shape), axis=-1, keepdims=True)
    return np.take_along_axis(best, choice, axis=-1).astype("int32")
