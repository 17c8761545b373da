"""Fewer steps and more steps, looking back only."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.layers.checks import check_positive, known_channels
from tcn.memory import extend, observed_before

__all__ = ["CausalDownsampling1D", "CausalUpsampling1D", "CropLike1D"]


class _Resampling1D(keras.layers.Layer):
    """What both directions have in common: arguments, bias, and how missing taps are made up for."""

    def __init__(
        self,
        filters: int,
        factor: int,
        kernel_size: int | None = None,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        kernel_size = factor if kernel_size is None else kernel_size
        self.filters, self.factor, self.kernel_size = check_positive(
            filters=filters, factor=factor, kernel_size=kernel_size
        )
        self._check_sizes(self.factor, self.kernel_size)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def _check_sizes(self, factor: int, kernel_size: int) -> None:
        """Raise where sizes do not go together."""

    def _add_weights(self, kernel_shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(name="kernel", shape=kernel_shape, initializer=self.kernel_initializer)
        self.bias = (
            self.add_weight(name="bias", shape=(self.filters,), initializer=self.bias_initializer)
            if self.use_bias
            else None
        )

    def _finish(self, outputs: Any) -> Any:
        return self.activation(outputs if self.bias is None else outputs + self.bias)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "factor": self.factor,
            "kernel_size": self.kernel_size,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


@keras.saving.register_keras_serializable(package="tcn")
class CausalDownsampling1D(_Resampling1D):
    """Strided convolution: one output for every `factor` steps, at the first of them.

    `y[j] = b + sum_i kernel[k - 1 - i] x[j * factor - i]` for `i` from 0 to `k - 1`. Output `j` sees nothing
    after step `j * factor`, so what is made of it may be used from that step on.

    With a mask, sums are made up for the taps that were not observed, and an output counts as observed if one
    of its taps was. Steps before the first observation count as the zeros before a sequence.

    In a stream, pieces have a multiple of `factor` steps.

    Args:
        filters: Output channels.
        factor: Steps from one output to the next.
        kernel_size: Taps; None for `factor`, so that each step is in one output.
        activation: Name of a Keras activation or a function.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of the kernel `(kernel_size, channels, filters)`, oldest tap first.
        bias_initializer: Initializer of the bias `(filters,)`.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, ceil(time / factor), filters)`.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.resampling import CausalDownsampling1D
        >>> layer = CausalDownsampling1D(1, factor=4, kernel_initializer="ones")
        >>> np.asarray(layer(np.ones((1, 10, 1), "float32"))).ravel().tolist()
        [1.0, 4.0, 4.0]
    """

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on."""
        return self.kernel_size

    @property
    def hop(self) -> int:
        """Steps that pieces of a stream have a multiple of."""
        return self.factor

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self._add_weights((self.kernel_size, known_channels(input_shape), self.filters))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Convolve what was observed."""
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        longer = extend(self, inputs, self.kernel_size - 1)
        outputs = ops.conv(longer, self.kernel, strides=self.factor, padding="valid")
        if mask is not None:
            begun = observed_before(self, mask)
            count = self._taps(ops.logical_or(mask, ops.logical_not(begun)), before=1.0)
            share = ops.where(count > 0, self.kernel_size / ops.maximum(count, 1.0), 0.0)
            outputs = outputs * ops.cast(share, outputs.dtype)[..., None]
        return self._finish(outputs)

    def _taps(self, observed: Any, before: float) -> Any:
        """How many taps of each output were observed, `(batch, coarse time)`."""
        longer = extend(self, ops.cast(observed, "float32"), self.kernel_size - 1, before, "observed")
        ends = range(1 - self.kernel_size, 1)
        return sum(longer[:, tap : end or None : self.factor] for tap, end in enumerate(ends))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Whether a tap of an output was observed."""
        # Keras would take what is computed of a symbolic mask apart into operations that know of no memory. A
        # functional model needs none: the mask of each batch goes along with its tensors.
        if mask is None or isinstance(mask, keras.KerasTensor):
            return None
        return self._taps(mask, before=0.0) > 0

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with one step for each `factor` begun."""
        batch, steps, _ = input_shape
        return (batch, None if steps is None else -(-steps // self.factor), self.filters)


@keras.saving.register_keras_serializable(package="tcn")
class CausalUpsampling1D(_Resampling1D):
    """Transposed convolution: `factor` outputs for every step, the first of them at the step's own time.

    `y[t] = b + sum_j kernel[t - j * factor] x[j]` over the taps that exist: output `t` sees the coarse steps
    up to `t // factor`. If these were made by `CausalDownsampling1D` of the same factor, it depends on
    nothing after step `t`. With longer kernels neighboring outputs share coarse steps and are smoother; a
    multiple of `factor` gives all outputs the same number of them.

    With a mask, sums are made up for the coarse steps that were not observed, and an output counts as
    observed if step `t // factor` was. `CropLike1D` cuts off what goes beyond the original length.

    Args:
        filters: Output channels.
        factor: Outputs for each step.
        kernel_size: Taps, at least `factor`; None for `factor`.
        activation: Name of a Keras activation or a function.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of the kernel `(kernel_size, filters, channels)`, tap 0 at the step
            itself, as in `keras.layers.Conv1DTranspose`.
        bias_initializer: Initializer of the bias `(filters,)`.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, time * factor, filters)`.

    Raises:
        ValueError: If a size is not a positive integer, or the kernel leaves gaps.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.resampling import CausalUpsampling1D
        >>> layer = CausalUpsampling1D(1, factor=3, kernel_initializer="ones")
        >>> x = np.array([[[1.0], [2.0]]], "float32")
        >>> np.asarray(layer(x)).ravel().tolist()
        [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]

    Reference:
        Odena, Dumoulin, Olah (2016), Deconvolution and Checkerboard Artifacts, for the size of the kernel.
    """

    def _check_sizes(self, factor: int, kernel_size: int) -> None:
        if kernel_size < factor:
            raise ValueError(
                "'kernel_size' must be at least 'factor', or some outputs would see no input. "
                f"Received: kernel_size={kernel_size}, factor={factor}"
            )
        # Which of the `factor` outputs of a step see it and those before it, newest first: (lags, factor).
        self.lags = -(-kernel_size // factor)
        self.reaches = (np.arange(self.lags * factor) < kernel_size).reshape(self.lags, factor)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self._add_weights((self.kernel_size, self.filters, known_channels(input_shape)))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Convolve what was observed: one undilated convolution makes all outputs of a coarse step."""
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        batch, steps, channels = ops.shape(inputs)
        kernel = ops.pad(self.kernel, [(0, self.lags * self.factor - self.kernel_size), (0, 0), (0, 0)])
        kernel = ops.reshape(kernel, (self.lags, self.factor * self.filters, channels))
        kernel = ops.transpose(ops.flip(kernel, axis=0), (0, 2, 1))
        outputs = ops.conv(extend(self, inputs, self.lags - 1), kernel, padding="valid")
        outputs = ops.reshape(outputs, (batch, steps * self.factor, self.filters))
        if mask is not None:
            share = ops.reshape(self._share(mask), (batch, steps * self.factor, 1))
            outputs = outputs * ops.cast(share, outputs.dtype)
        return self._finish(outputs)

    def _share(self, mask: Any) -> Any:
        """Coarse steps per observed one, `(batch, time, factor)`; those before a series count as observed."""
        begun = observed_before(self, mask)
        seen = ops.cast(ops.logical_or(mask, ops.logical_not(begun)), "float32")
        longer = extend(self, seen, self.lags - 1, fill=1.0, name="observed")
        reaches = self.reaches.astype("float32")
        count = sum(longer[:, self.lags - 1 - i : -i or None, None] * reaches[i] for i in range(self.lags))
        return ops.where(count > 0, reaches.sum(axis=0) / ops.maximum(count, 1.0), 0.0)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Whether the step that an output belongs to was observed."""
        return None if mask is None else ops.repeat(mask, self.factor, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with `factor` steps for each."""
        batch, steps, _ = input_shape
        return (batch, None if steps is None else steps * self.factor, self.filters)


@keras.saving.register_keras_serializable(package="tcn")
class CropLike1D(keras.layers.Layer):
    """Cut a sequence at the end to the length of another.

    `CausalUpsampling1D` gives a multiple of its factor; this gives back the length from before downsampling,
    and with it the mask.

    Input shape:
        A pair: `(batch, time, channels)` and the sequence to be like, `(batch, shorter time, ...)`.

    Output shape:
        `(batch, shorter time, channels)`.

    Example:
        >>> import numpy as np
        >>> from tcn.layers.resampling import CropLike1D
        >>> tuple(CropLike1D()([np.ones((1, 12, 2)), np.ones((1, 10, 5))]).shape)
        (1, 10, 2)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Cut."""
        longer, like = inputs
        return longer[:, : ops.shape(like)[1]]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the sequence to be like."""
        return None if mask is None else mask[1]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the first shape with the length of the second."""
        longer, like = input_shape
        return (longer[0], like[1], *longer[2:])
