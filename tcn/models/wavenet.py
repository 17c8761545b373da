"""WaveNet: gated blocks whose dilations double, and the sum of their skip outputs."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from tcn.layers.causal import CausalConv1D
from tcn.layers.checks import check_each_positive, check_positive, check_rate, check_seed
from tcn.layers.children import derived_seeds
from tcn.layers.gated import GatedBlock
from tcn.receptive_field import receptive_field

__all__ = ["WaveNet"]


@keras.saving.register_keras_serializable(package="tcn")
class WaveNet(keras.layers.Layer):
    """Gated blocks with growing dilations after a causal convolution; the sum of their skip outputs, mapped.

    The map is `ReLU -> 1x1 -> ReLU -> 1x1`. With `output_filters=None` there is none: the output is the sum,
    and a linear layer on it can be divided into what each block contributes, see `skips`.

    Args:
        filters: Channels of the residual path and of the gates.
        kernel_size: Taps of each convolution.
        dilations: Dilation rate of each block of a cycle.
        cycles: How often the dilations are gone through.
        skip_filters: Channels of the skip outputs; by default `filters`.
        output_filters: Channels of the output; None for the sum of the skip outputs.
        dropout: Share of the channels that the convolution of a block does not see in training.
        weight_norm: Whether to learn length and direction of each kernel apart.
        seed: Integer that fixes the initial weights and dropout.

    Input shape:
        `(batch, time, channels)`; any length. `condition`: `(batch, size)` or `(batch, time, size)`.

    Output shape:
        `(batch, time, output_filters or skip_filters)`.

    Raises:
        ValueError: If a size is not a positive integer or `dropout` not a rate.

    Example:
        >>> import numpy as np
        >>> from tcn.models import WaveNet
        >>> network = WaveNet(filters=8, dilations=(1, 2, 4, 8), cycles=2, output_filters=1)
        >>> tuple(network(np.ones((2, 50, 3), "float32")).shape)
        (2, 50, 1)
        >>> network.receptive_field
        32

    Reference:
        van den Oord et al. (2016), WaveNet: A Generative Model for Raw Audio.
    """

    def __init__(
        self,
        filters: int = 32,
        kernel_size: int = 2,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        cycles: int = 1,
        skip_filters: int | None = None,
        output_filters: int | None = None,
        dropout: float = 0.0,
        weight_norm: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters, self.kernel_size, self.cycles = check_positive(
            filters=filters, kernel_size=kernel_size, cycles=cycles
        )
        [self.dilations] = check_each_positive(dilations=dilations)
        self.skip_filters = self.output_filters = None
        if skip_filters is not None:
            [self.skip_filters] = check_positive(skip_filters=skip_filters)
        if output_filters is not None:
            [self.output_filters] = check_positive(output_filters=output_filters)
        [self.dropout] = check_rate(dropout=dropout)
        self.weight_norm = weight_norm
        self.seed = check_seed(seed)

    @property
    def rates(self) -> tuple[int, ...]:
        """Dilation rate of each block."""
        return self.dilations * self.cycles

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return receptive_field(self.kernel_size, (1, *self.rates))

    def build(
        self, inputs_shape: tuple[int | None, ...], condition_shape: tuple[int | None, ...] | None = None
    ) -> None:
        """Create the weights, for a condition too if its shape is given."""
        *seeds, first_seed, hidden_seed, output_seed = derived_seeds(self.seed, len(self.rates) + 3)
        inner_shape = (*inputs_shape[:-1], self.filters)
        self.first = self._convolution("first", self.filters, self.kernel_size, first_seed)
        self.first.build(inputs_shape)
        self.blocks = [
            GatedBlock(
                self.filters,
                self.kernel_size,
                rate,
                self.skip_filters,
                dropout=self.dropout,
                weight_norm=self.weight_norm,
                use_residual=i + 1 < len(self.rates),
                seed=seeds[i],
                dtype=self.dtype_policy,
                name=f"block_{i}",
            )
            for i, rate in enumerate(self.rates)
        ]
        for block in self.blocks:
            block.build(inner_shape, condition_shape)
        skip_size = self.skip_filters or self.filters
        self.final: list[CausalConv1D] = []
        if self.output_filters is not None:
            self.final = [
                self._convolution("hidden", skip_size, 1, hidden_seed),
                self._convolution("output", self.output_filters, 1, output_seed),
            ]
        for layer in self.final:
            layer.build((*inputs_shape[:-1], skip_size))

    def _convolution(self, name: str, filters: int, kernel_size: int, seed: int | None) -> CausalConv1D:
        return CausalConv1D(
            filters,
            kernel_size,
            weight_norm=self.weight_norm,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs: Any, condition: Any = None, mask: Any = None, inputs_mask: Any = None) -> Any:
        """Sum up the skip outputs; beside a condition, Keras passes the mask as `inputs_mask`."""
        outputs = sum(self._skips(inputs, condition, inputs_mask if mask is None else mask))
        for layer in self.final:
            outputs = layer(ops.relu(outputs))
        return outputs

    def skips(self, inputs: Any, condition: Any = None, mask: Any = None) -> Any:
        """What each block adds to the sum.

        `rates` has the dilation of each. For outputs `sum_i s_i W + b` of a linear layer on the sum, `s_i W`
        is what block `i` contributes.

        Args:
            inputs: As in a call.
            condition: As in a call.
            mask: Boolean, `(batch, time)`: which steps were observed.

        Returns:
            `(batch, time, blocks, skip_filters)`.

        Raises:
            ValueError: If the network has no weights yet.
        """
        if not self.built:
            raise ValueError("The network has no weights yet: build it, or call it once.")
        return ops.stack(list(self._skips(inputs, condition, mask)), axis=-2)

    def _skips(self, inputs: Any, condition: Any, mask: Any) -> Iterator[Any]:
        residual = self.first(inputs, mask=mask)
        for block in self.blocks[:-1]:
            residual, skip = block(residual, condition=condition, mask=mask)
            yield skip
        yield self.blocks[-1](residual, condition=condition, mask=mask)

    def compute_output_shape(
        self, inputs_shape: tuple[int | None, ...], condition_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the input's shape with the channels of the output."""
        return (*inputs_shape[:-1], self.output_filters or self.skip_filters or self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilations": self.dilations,
            "cycles": self.cycles,
            "skip_filters": self.skip_filters,
            "output_filters": self.output_filters,
            "dropout": self.dropout,
            "weight_norm": self.weight_norm,
            "seed": self.seed,
        }
