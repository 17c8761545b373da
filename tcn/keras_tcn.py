"""What `from tcn import ...` gives with keras-tcn: the layer, a compiled model and its summary."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import keras

from tcn.integers import is_integer
from tcn.layers.checks import check_positive
from tcn.layers.residual import ResidualBlock
from tcn.models.tcn import TCN
from tcn.receptive_field import check_lookback

__all__ = ["TCN", "compiled_tcn", "tcn_full_summary"]

Row = tuple[str, str, str]

OPTIMIZERS = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}


def compiled_tcn(
    num_feat: int,
    num_classes: int,
    nb_filters: int | Sequence[int],
    kernel_size: int,
    dilations: Sequence[int],
    nb_stacks: int,
    max_len: int | None,
    output_len: int = 1,
    padding: str = "causal",
    use_skip_connections: bool = False,
    return_sequences: bool = True,
    regression: bool = False,
    dropout_rate: float = 0.05,
    name: str = "tcn",
    kernel_initializer: Any = "he_normal",
    activation: Any = "relu",
    opt: str = "adam",
    lr: float = 0.002,
    use_batch_norm: bool = False,
    use_layer_norm: bool = False,
) -> keras.Model:
    """A TCN with a dense layer after it, compiled to classify or to regress, as keras-tcn does.

    Args:
        num_feat: Channels of the input.
        num_classes: Classes, if not `regression`. Targets are class numbers, not one-hot vectors.
        nb_filters: As for `TCN`, like all arguments not listed here.
        kernel_size: Taps of every convolution.
        dilations: Dilation rates, powers of two; if one is not, all are taken for exponents of two, and a
            warning says so.
        nb_stacks: How often the dilations are repeated.
        max_len: Steps of the input; None for any number. If the output is that of the last step, and its
            receptive field is shorter than the input, a warning says how many steps are never seen. No other
            layer or model warns: the length of an input is mostly that of a batch, and with an output for
            each step it is no look-back. `tcn.check_lookback` compares a field with the look-back you mean.
        output_len: Outputs, if `regression`.
        padding: "causal" or "same".
        use_skip_connections: Whether the skips are summed.
        return_sequences: Whether there is an output for each step.
        regression: Whether outputs are numbers (mean squared error) or probabilities of classes (sparse
            categorical cross-entropy, with the metric `accuracy`).
        dropout_rate: Rate of dropout.
        name: Name of the TCN layer.
        kernel_initializer: Initializer of all kernels.
        activation: Name of a Keras activation or a function.
        opt: "adam" or "rmsprop"; the norm of each weight's gradient is clipped at 1.
        lr: Learning rate.
        use_batch_norm: Whether to normalize over batch and time.
        use_layer_norm: Whether to normalize over channels.

    Returns:
        The compiled model.

    Raises:
        ValueError: If there is no such optimizer, a size is not a positive integer, or `TCN` refuses an
            argument.

    Example:
        >>> from tcn import compiled_tcn
        >>> size = {"nb_filters": 8, "kernel_size": 3, "dilations": [1, 2], "nb_stacks": 1}
        >>> model = compiled_tcn(num_feat=3, num_classes=5, max_len=None, **size)
        >>> model.output_shape
        (None, None, 5)
    """
    if opt not in tuple(OPTIMIZERS):
        raise ValueError(f"'opt' must be 'adam' or 'rmsprop'. Received: opt={opt!r}")
    [num_feat] = check_positive(num_feat=num_feat)
    [units] = check_positive(output_len=output_len) if regression else check_positive(num_classes=num_classes)
    if max_len is not None:
        [max_len] = check_positive(max_len=max_len)
    layer = TCN(
        nb_filters,
        kernel_size,
        nb_stacks,
        _as_rates(dilations),
        padding,
        use_skip_connections,
        dropout_rate,
        return_sequences,
        activation,
        kernel_initializer,
        use_batch_norm,
        use_layer_norm,
        name=name,
    )
    field = layer.receptive_field
    if max_len is not None and padding == "causal" and not return_sequences and field < max_len:
        rule = check_lookback(field, max_len)
        warnings.warn(
            f"{rule} Here the look-back is max_len, and convolutions_per_block=2.", UserWarning, stacklevel=2
        )
    inputs = keras.Input((max_len, num_feat))
    hidden = keras.layers.Dense(units)(layer(inputs))
    outputs = keras.layers.Activation("linear" if regression else "softmax")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(
        OPTIMIZERS[opt](lr, clipnorm=1.0),
        loss="mean_squared_error" if regression else "sparse_categorical_crossentropy",
        metrics=None if regression else ["accuracy"],
    )
    return model


def _as_rates(dilations: Sequence[int]) -> list[int]:
    """Dilation rates of what may be their exponents: keras-tcn's older versions took those."""
    given = list(dilations)
    if not all(is_integer(rate, minimum=0) for rate in given):
        raise ValueError(
            "'dilations' must hold powers of two, or integers from 0 as their exponents. "
            f"Received: dilations={dilations!r}"
        )
    if all(rate > 0 and rate & (rate - 1) == 0 for rate in given):
        return given
    rates = [2 ** int(exponent) for exponent in given]
    warnings.warn(
        f"Not all of dilations={given} are powers of two, so they are taken for exponents, as in "
        f"keras-tcn. Pass dilations={rates} to say so; the layer TCN takes any dilations as they are.",
        stacklevel=3,
    )
    return rates


def tcn_full_summary(
    model: keras.Model, expand_residual_blocks: bool = True, print_fn: Callable[[str], Any] = print
) -> None:
    """Print a summary of a model, with the layers inside its TCN layers.

    Args:
        model: A built model.
        expand_residual_blocks: Whether to show what the residual blocks are made of.
        print_fn: Called with each line.

    Raises:
        ValueError: If the model has not been built.

    Example:
        >>> import keras
        >>> from tcn import TCN, tcn_full_summary
        >>> model = keras.Sequential([keras.Input((None, 2)), TCN(4, dilations=(1, 2), name="tcn")])
        >>> tcn_full_summary(model, expand_residual_blocks=False)
        Layer (type)                        Output shape     Parameters
        tcn (TCN)                           (None, 4)               196
          residual_block_0 (ResidualBlock)  (None, None, 4)          92
          residual_block_1 (ResidualBlock)  (None, None, 4)         104
        Total: 196, trainable: 196
    """
    if not model.built:
        raise ValueError(
            f"Only a built model can be summarized; call it once before. Received: model={model.name!r}"
        )
    rows = [("Layer (type)", "Output shape", "Parameters")]
    for layer in model.layers:
        rows.extend(_rows(layer, _output_shape(layer), expand_residual_blocks))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, shape, parameters in rows:
        print_fn(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {parameters:>{widths[2]}}")
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    print_fn(f"Total: {model.count_params():,}, trainable: {trainable:,}")


def _rows(layer: Any, shape: str, expand_residual_blocks: bool, depth: int = 0) -> Iterator[Row]:
    """Name, output shape and parameters of a layer and of the layers inside it."""
    yield f"{'  ' * depth}{layer.name} ({type(layer).__name__})", shape, f"{layer.count_params():,}"
    inner: list[tuple[Any, str]] = []
    if isinstance(layer, TCN):
        lead = layer.get_build_config()["input_shape"][:-1]
        inner = [(block, str((*lead, block.filters))) for block in layer.residual_blocks]
    elif isinstance(layer, ResidualBlock) and expand_residual_blocks:
        parts = [*chain(*layer.stages), layer.matching_conv1D]
        inner = [(part, shape) for part in parts if part is not None]
    elif isinstance(layer, keras.Model):
        inner = [(child, _output_shape(child)) for child in layer.layers]
    for child, child_shape in inner:
        yield from _rows(child, child_shape, expand_residual_blocks, depth + 1)


def _output_shape(layer: Any) -> str:
    outputs = getattr(layer, "output", None)  # None in a model that is not a graph of layers
    return "?" if outputs is None else ", ".join(str(tuple(o.shape)) for o in keras.tree.flatten(outputs))
