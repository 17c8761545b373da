"""Residual block of the temporal convolutional network."""

from typing import Any

import keras
from keras import ops

from tcn.layers.causal import CausalConv1D
from tcn.layers.centered import centered
from tcn.layers.checks import check_positive, check_rate, check_seed, known_channels
from tcn.layers.children import apply_normalization, derived_seeds, make_normalization, own_initializer
from tcn.receptive_field import receptive_field

__all__ = ["ResidualBlock"]

NORMALIZATIONS = ("weight", "batch", "layer", None)
PADDINGS = ("causal", "same")


@keras.saving.register_keras_serializable(package="tcn")
class ResidualBlock(keras.layers.Layer):
    """Two dilated convolutions beside a residual path.

    With `*` for the dilated convolution and `f` for the activation,

        h      = dropout(f(norm(W_1 * x + b_1)))
        skip   = f(dropout(f(norm(W_2 * h + b_2))))
        output = f(x + skip)        (a 1x1 convolution of x where its channels are not `filters`)

    Args:
        filters: Output channels.
        kernel_size: Taps of both convolutions.
        dilation_rate: Steps between taps.
        normalization: "weight" (of the kernels, as in the paper), "layer" (over the channels of each step),
            "batch" (over batch and time: in training, its statistics see the future) or None.
        dropout: Rate at which whole channels are dropped in training, after each convolution.
        activation: Name of a Keras activation or a function.
        padding: "causal", or "same" for kernels centered on their step, which see the future.
        kernel_initializer: Initializer of all kernels.
        return_skip: Whether to return the skip beside the output.
        seed: Integer that fixes dropout, and the initial kernels if their initializer has no seed of its own.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, time, filters)`; with `return_skip`, two of them: output and skip.

    Raises:
        ValueError: If a size is not a positive integer, `dropout` not a rate, or there is no such
            normalization or padding.

    Example:
        >>> import numpy as np
        >>> from tcn.layers import ResidualBlock
        >>> block = ResidualBlock(8, kernel_size=3, dilation_rate=4, normalization="weight", dropout=0.1)
        >>> tuple(block(np.ones((1, 10, 2), "float32")).shape)
        (1, 10, 8)
        >>> block.receptive_field
        17

    Reference:
        Bai, Kolter, Koltun (2018), An Empirical Evaluation of Generic Convolutional and Recurrent Networks
        for Sequence Modeling, section 3.3.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        normalization: str | None = None,
        dropout: float = 0.0,
        activation: Any = "relu",
        padding: str = "causal",
        kernel_initializer: Any = "he_normal",
        return_skip: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters, self.kernel_size, self.dilation_rate = check_positive(
            filters=filters, kernel_size=kernel_size, dilation_rate=dilation_rate
        )
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"'normalization' must be one of {NORMALIZATIONS}. Received: normalization={normalization!r}"
            )
        if padding not in PADDINGS:
            raise ValueError(f"'padding' must be one of {PADDINGS}. Received: padding={padding!r}")
        self.normalization = normalization
        [self.dropout] = check_rate(dropout=dropout)
        self.activation = keras.activations.get(activation)
        self.padding = padding
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.return_skip = return_skip
        self.seed = check_seed(seed)

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return receptive_field(self.kernel_size, [self.dilation_rate], convolutions_per_block=2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights, in keras-tcn's order."""
        *seeds, matching_seed = derived_seeds(self.seed, 5)
        weight_norm = self.normalization == "weight"
        separate = None if weight_norm else self.normalization
        inner_shape = (*input_shape[:-1], self.filters)
        self.stages: list[tuple[Any, Any, Any]] = []
        for k, shape in enumerate((input_shape, inner_shape)):
            conv = self._convolution(f"conv1D_{k}", self.kernel_size, seeds[k], weight_norm)
            norm = make_normalization(separate, name=f"norm_{k}", dtype=self.dtype_policy)
            drop = keras.layers.SpatialDropout1D(
                self.dropout, seeds[2 + k], name=f"SDropout_{k}", dtype=self.dtype_policy
            )
            self.stages.append((conv, norm, drop))
            conv.build(shape)
            if norm is not None:
                norm.build(inner_shape)
        # Keras stores weights under the attribute that holds them, the first in the alphabet. These are the
        # names in the files of keras-tcn.
        self.conv1D_0, self.conv1D_1 = (conv for conv, _, _ in self.stages)
        if separate is not None:
            setattr(self, f"{separate}_norm_layers", [norm for _, norm, _ in self.stages])
        self.matching_conv1D = None
        if known_channels(input_shape) != self.filters:
            self.matching_conv1D = self._convolution("matching_conv1D", 1, matching_seed)
            self.matching_conv1D.build(input_shape)

    def _convolution(
        self, name: str, kernel_size: int, seed: int | None, weight_norm: bool = False
    ) -> CausalConv1D:
        return CausalConv1D(
            self.filters,
            kernel_size,
            self.dilation_rate,
            kernel_initializer=own_initializer(self.kernel_initializer, seed),
            weight_norm=weight_norm,
            name=name,
            dtype=self.dtype_policy,
        )

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Add the two paths."""
        if mask is not None:
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        skip = inputs
        for conv, norm, drop in self.stages:
            skip = apply_normalization(norm, self._convolve(conv, skip, mask), mask, training)
            skip = drop(self.activation(skip), training=training)
        skip = self.activation(skip)
        residual = inputs if self.matching_conv1D is None else self.matching_conv1D(inputs, mask=mask)
        outputs = self.activation(residual + skip)
        return (outputs, skip) if self.return_skip else outputs

    def _convolve(self, conv: CausalConv1D, inputs: Any, mask: Any) -> Any:
        if self.padding == "causal":
            return conv(inputs, mask=mask)
        # As Keras pads: of an odd number of steps, the odd one comes after.
        return centered(conv, inputs, mask, ahead=conv.receptive_field // 2)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask, for each output."""
        return (mask, mask) if self.return_skip else mask

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return the input's shape with `filters` channels, for each output."""
        shape = (*input_shape[:-1], self.filters)
        return (shape, shape) if self.return_skip else shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "padding": self.padding,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "return_skip": self.return_skip,
            "seed": self.seed,
        }
