"""The temporal convolutional network: residual blocks whose dilations grow."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_each_positive, check_positive, check_rate, check_seed
from tcn.layers.children import derived_seeds
from tcn.layers.residual import ResidualBlock
from tcn.receptive_field import receptive_field

__all__ = ["TCN"]


# The name in the files of keras-tcn, which are read; what is written has the name registered last.
@keras.saving.register_keras_serializable(package="tcn")
@keras.saving.register_keras_serializable(package="Custom")
class TCN(keras.layers.Layer):
    """Stack of residual blocks of dilated convolutions, with the arguments and the results of keras-tcn.

    Each block has two convolutions (see `ResidualBlock`). With skip connections the output is the sum of the
    blocks' skips, else the output of the last block.

    Without `return_sequences`, the output is that of the last step; with `padding="same"`, of the middle one,
    `time // 2`. Where there is a mask, only observed steps count: the last observed, the middle one of those
    observed. For the last step of a sequence without a mask, the steps that it depends on are computed alone.

    Args:
        nb_filters: Channels of the blocks; a list has one number for each dilation.
        kernel_size: Taps of every convolution.
        nb_stacks: How often the sequence of dilations is repeated.
        dilations: Dilation rate of each block of a stack.
        padding: "causal", or "same" for kernels centered on their step, which see the future.
        use_skip_connections: Whether the output is the sum of the blocks' skips.
        dropout_rate: Rate at which whole channels are dropped in training, after each convolution.
        return_sequences: Whether to return all steps rather than one.
        activation: Name of a Keras activation or a function.
        kernel_initializer: Initializer of all kernels.
        use_batch_norm: Whether to normalize over batch and time after each convolution. In training, its
            statistics see the future.
        use_layer_norm: Whether to normalize over the channels of each step after each convolution.
        go_backwards: Whether to read the sequence, and return its steps, from the end to the beginning.
        return_state: Whether to return, beside the output, what `return_sequences=False` would return.
        use_weight_norm: Whether to normalize the kernels, as in the paper.
        seed: Integer that fixes dropout, and the initial kernels if their initializer has no seed of its own.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, nb_filters)`; with `return_sequences`, `(batch, time, nb_filters)`.

    Raises:
        ValueError: If a size is not a positive integer, more than one normalization is chosen, `nb_filters`
            does not fit the dilations, or differs between them with skip connections, or an argument is not
            one of its choices.

    Example:
        >>> import numpy as np
        >>> from tcn import TCN
        >>> layer = TCN(16, kernel_size=3, dilations=(1, 2, 4), return_sequences=True)
        >>> tuple(layer(np.ones((1, 50, 2), "float32")).shape)
        (1, 50, 16)
        >>> layer.receptive_field
        29

    Reference:
        Bai, Kolter, Koltun (2018), An Empirical Evaluation of Generic Convolutional and Recurrent Networks
        for Sequence Modeling.
    """

    stateful = False  # keras.layers.Bidirectional asks

    def __init__(
        self,
        nb_filters: int | Sequence[int] = 64,
        kernel_size: int = 3,
        nb_stacks: int = 1,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32),
        padding: str = "causal",
        use_skip_connections: bool = True,
        dropout_rate: float = 0.0,
        return_sequences: bool = False,
        activation: Any = "relu",
        kernel_initializer: Any = "he_normal",
        use_batch_norm: bool = False,
        use_layer_norm: bool = False,
        go_backwards: bool = False,
        return_state: bool = False,
        *,
        use_weight_norm: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.kernel_size, self.nb_stacks = check_positive(kernel_size=kernel_size, nb_stacks=nb_stacks)
        several = isinstance(nb_filters, Iterable)
        rates, each = check_each_positive(
            dilations=dilations, nb_filters=nb_filters if several else [nb_filters]
        )
        self.nb_filters = list(each) if several else each[0]
        each = each if several else each * len(rates)
        if len(each) != len(rates):
            raise ValueError(
                "'nb_filters' must be one number, or one for each dilation. "
                f"Received: nb_filters={nb_filters!r}, dilations={dilations!r}"
            )
        if use_skip_connections and len(set(each)) > 1:
            raise ValueError(
                "Skips are summed, so 'nb_filters' must be the same for all dilations. "
                f"Received: nb_filters={nb_filters!r}. Pass use_skip_connections=False."
            )
        norms = {"weight": use_weight_norm, "batch": use_batch_norm, "layer": use_layer_norm}
        chosen = [name for name, used in norms.items() if used]
        if len(chosen) > 1:
            raise ValueError(f"At most one normalization can be used. Received: {', '.join(chosen)}")
        self.dilations = list(rates)
        self.padding = padding
        self.use_skip_connections = use_skip_connections
        [self.dropout_rate] = check_rate(dropout_rate=dropout_rate)
        self.return_sequences = return_sequences
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.use_batch_norm = use_batch_norm
        self.use_layer_norm = use_layer_norm
        self.go_backwards = go_backwards
        self.return_state = return_state
        self.use_weight_norm = use_weight_norm
        self.seed = check_seed(seed)
        self.residual_blocks = [
            ResidualBlock(
                filters,
                self.kernel_size,
                rate,
                normalization=next(iter(chosen), None),
                dropout=self.dropout_rate,
                activation=self.activation,
                padding=padding,
                kernel_initializer=self.kernel_initializer,
                return_skip=use_skip_connections,
                seed=block_seed,
                name=f"residual_block_{i}",
                dtype=self.dtype_policy,
            )
            for i, (filters, rate, block_seed) in enumerate(
                zip(
                    each * self.nb_stacks,
                    rates * self.nb_stacks,
                    derived_seeds(self.seed, self.nb_stacks * len(rates)),
                    strict=True,
                )
            )
        ]
        # Keras stores weights under the attribute that holds them, the first in the alphabet. These are the
        # names in the files of keras-tcn.
        for block in self.residual_blocks:
            setattr(self, block.name, block)

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return receptive_field(self.kernel_size, self.dilations * self.nb_stacks, convolutions_per_block=2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights, in keras-tcn's order."""
        for block in self.residual_blocks:
            block.build(input_shape)
            input_shape = (*input_shape[:-1], block.filters)

    def call(
        self, inputs: Any, mask: Any = None, training: bool | None = None, initial_state: Any = None
    ) -> Any:
        """Run the blocks.

        Args:
            inputs: `(batch, time, channels)`.
            mask: Boolean, `(batch, time)`, or None; False where nothing was observed.
            training: Whether dropout is active and batch normalization takes the statistics of the batch.
            initial_state: None, which `keras.layers.Bidirectional` passes.

        Returns:
            The output; with `return_state`, the output and that of one step.
        """
        if initial_state is not None:
            raise ValueError("A TCN takes no initial state. Use Streaming to carry on from an earlier piece.")
        if self.go_backwards:
            inputs = ops.flip(inputs, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        if self._needs_the_end_alone(mask, training):
            inputs = inputs[:, -self.receptive_field :]
        outputs, skips = inputs, []
        for block in self.residual_blocks:
            outputs = block(outputs, mask=mask, training=training)
            if self.use_skip_connections:
                outputs, skip = outputs
                skips.append(skip)
        if self.use_skip_connections:
            outputs = sum(skips[1:], start=skips[0])
        state = self._one_step(outputs, mask) if self.return_state or not self.return_sequences else None
        outputs = outputs if self.return_sequences else state
        return (outputs, state) if self.return_state else outputs

    def _needs_the_end_alone(self, mask: Any, training: bool | None) -> bool:
        """Whether the output is that of the last step, on which steps beyond its field have no influence.

        In training, batch normalization takes the statistics of all steps.
        """
        of_last_step = self.padding == "causal" and mask is None and not self.return_sequences
        return of_last_step and not (self.use_batch_norm and training)

    def _one_step(self, outputs: Any, mask: Any) -> Any:
        """Output of the last step or the middle one, of those observed."""
        if mask is None:
            return outputs[:, -1 if self.padding == "causal" else ops.shape(outputs)[1] // 2]
        count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        wanted = count[:, -1:] if self.padding == "causal" else count[:, -1:] // 2 + 1
        step = ops.argmax(ops.cast(count == wanted, "int32"), axis=1)  # the first that has as many
        return ops.take_along_axis(outputs, step[:, None, None], axis=1)[:, 0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the steps that are returned, None for a single one."""
        if not self.return_sequences:
            mask = None
        elif mask is not None and self.go_backwards:
            mask = ops.flip(mask, axis=1)
        return (mask, None) if self.return_state else mask

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return the shape of the output; with `return_state`, of both."""
        channels = self.residual_blocks[-1].filters
        state = (input_shape[0], channels)
        shape = (*input_shape[:-1], channels) if self.return_sequences else state
        return (shape, state) if self.return_state else shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "nb_filters": self.nb_filters,
            "kernel_size": self.kernel_size,
            "nb_stacks": self.nb_stacks,
            "dilations": self.dilations,
            "padding": self.padding,
            "use_skip_connections": self.use_skip_connections,
            "dropout_rate": self.dropout_rate,
            "return_sequences": self.return_sequences,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "use_batch_norm": self.use_batch_norm,
            "use_layer_norm": self.use_layer_norm,
            "go_backwards": self.go_backwards,
            "return_state": self.return_state,
            "use_weight_norm": self.use_weight_norm,
            "seed": self.seed,
        }
