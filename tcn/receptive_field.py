"""Exact receptive-field arithmetic for stacks of causal convolutions.

Pure integer arithmetic: importing this module loads no deep-learning framework.
"""

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

from tcn.integers import check_each_positive, check_positive

__all__ = [
    "Resampled",
    "check_lookback",
    "dilations_for",
    "receptive_field",
    "resampled_receptive_field",
]


def receptive_field(kernel_size: int, dilations: Iterable[int], convolutions_per_block: int = 1) -> int:
    """Number of input steps, the present one included, that one output of a causal stack depends on.

    Args:
        kernel_size: Taps of every convolution, at least 1.
        dilations: Dilation rate of each block, each at least 1.
        convolutions_per_block: Convolutions that share one block's dilation (2 in Bai et al., 1 in WaveNet).

    Returns:
        `1 + convolutions_per_block * (kernel_size - 1) * sum(dilations)`, in time steps.

    Raises:
        ValueError: If an argument is not a positive integer.

    Example:
        >>> receptive_field(3, [1, 2, 4, 8])
        31
        >>> receptive_field(2, [1, 2, 4, 8], convolutions_per_block=2)
        31

    Reference:
        Bai, Kolter, Koltun (2018), An Empirical Evaluation of Generic Convolutional and Recurrent Networks
        for Sequence Modeling, section 3.
    """
    kernel_size, convolutions_per_block = check_positive(
        kernel_size=kernel_size, convolutions_per_block=convolutions_per_block
    )
    [rates] = check_each_positive(dilations=dilations)
    return 1 + convolutions_per_block * (kernel_size - 1) * sum(rates)


class Resampled(NamedTuple):
    """A causal layer that may change the rate.

    Attributes:
        kernel_size: Taps; of a pooling layer its window.
        dilation_rate: Steps between taps.
        stride: Steps from one output to the next.
        factor: Outputs for each input, those of a transposed convolution or of repeated steps.

    Example:
        >>> from tcn.receptive_field import Resampled
        >>> Resampled(kernel_size=3, dilation_rate=2, stride=1, factor=1).stride
        1
    """

    kernel_size: int
    dilation_rate: int = 1
    stride: int = 1
    factor: int = 1


def resampled_receptive_field(layers: Iterable[Resampled | tuple[int, ...]]) -> int:
    """Number of input steps, the present one included, that an output of a multi-rate stack reaches back to.

    Layers keep time as those of `tcn.layers` do: output `j` of a layer of stride `s` is computed at its input
    step `j * s`, and the first of the outputs of an upsampling layer at the step itself. Outputs in between
    reach further back than others; the largest number counts.

    Args:
        layers: In their order, as `Resampled` or as tuples `(kernel_size, dilation_rate, stride, factor)`,
            whose last numbers may be left out.

    Returns:
        The number. Without upsampling it is `1 + sum_i (kernel_i - 1) dilation_i prod_(j<i) stride_j`.

    Raises:
        ValueError: If a number is not a positive integer, or a layer upsamples with gaps: by a kernel shorter
            than its factor, or with a dilation or a stride.

    Example:
        >>> resampled_receptive_field([(3, 1, 2), (3, 1, 2), (3, 2)])
        23
        >>> resampled_receptive_field([Resampled(4, stride=4), Resampled(4, factor=4)])
        7
    """
    stack = [Resampled(*check_positive(**Resampled(*layer)._asdict())) for layer in layers]
    for layer in stack:
        if layer.factor > 1 and (layer.kernel_size < layer.factor or layer.dilation_rate * layer.stride > 1):
            raise ValueError(
                "A layer that upsamples must have a kernel of at least 'factor' taps, and neither dilation "
                f"nor stride. Received: {layer}"
            )
    return max(_reach(stack, output) for output in range(prod(layer.factor for layer in stack)))


def _reach(stack: list[Resampled], output: int) -> int:
    """Input steps from the time of an output back to the oldest that it sees."""
    oldest = output
    for layer in reversed(stack):
        last = layer.kernel_size - 1
        if layer.factor > 1:
            # Of the steps that the taps meet between the zeros, the first one.
            oldest = -((last - oldest) // layer.factor)
        else:
            oldest = oldest * layer.stride - last * layer.dilation_rate
    time = output * prod(layer.stride for layer in stack) // prod(layer.factor for layer in stack)
    return time - oldest + 1


def dilations_for(
    target: int, kernel_size: int = 3, convolutions_per_block: int = 1, max_dilation: int | None = None
) -> tuple[int, ...]:
    """Shortest doubling sequence 1, 2, 4, ... whose stack sees at least `target` steps.

    Args:
        target: Steps the stack has to see, at least 1.
        kernel_size: Taps of every convolution, at least 2: with one tap no dilation widens the field.
        convolutions_per_block: Convolutions that share one block's dilation.
        max_dilation: Largest rate, after which the sequence starts again at 1, as in WaveNet; None for no
            limit.

    Returns:
        Dilation rates, at least one of them.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> dilations_for(60, kernel_size=3)
        (1, 2, 4, 8, 16)
        >>> receptive_field(3, dilations_for(60, kernel_size=3))
        63
        >>> dilations_for(60, kernel_size=3, max_dilation=8)
        (1, 2, 4, 8, 1, 2, 4, 8)
    """
    target, kernel_size = check_positive(target=target, kernel_size=kernel_size)
    if kernel_size < 2:
        raise ValueError(
            "'kernel_size' must be at least 2: with one tap no dilation widens the field. "
            f"Received: kernel_size={kernel_size}"
        )
    if max_dilation is not None:
        [max_dilation] = check_positive(max_dilation=max_dilation)
    rates = [1]
    while receptive_field(kernel_size, rates, convolutions_per_block) < target:
        doubled = rates[-1] * 2
        rates.append(doubled if max_dilation is None or doubled <= max_dilation else 1)
    return tuple(rates)


def check_lookback(field: int, lookback: int) -> str | None:
    """What is wrong with a look-back for a receptive field.

    A field may be up to twice as long as the look-back: with dilations that double it grows in such jumps.

    Args:
        field: Receptive field of a network, in steps.
        lookback: Steps of the inputs that it is given.

    Returns:
        The rule, what was received and the cure, to warn of or to raise; None if all is well.

    Raises:
        ValueError: If an argument is not a positive integer.

    Example:
        >>> check_lookback(63, 48) is None
        True
        >>> print(check_lookback(31, 48))
        The receptive field must cover the look-back. Received: a field of 31 steps for a look-back of 48,
        whose oldest 17 steps are never seen. Use dilations=dilations_for(48, kernel_size), or lookback=31.
    """
    field, lookback = check_positive(field=field, lookback=lookback)
    if field < lookback:
        return (
            "The receptive field must cover the look-back. "
            f"Received: a field of {field} steps for a look-back of {lookback}, "
            f"whose oldest {lookback - field} steps are never seen. "
            f"Use dilations=dilations_for({lookback}, kernel_size), or lookback={field}."
        )
    if field > 2 * lookback:
        return (
            "The receptive field must not be more than twice the look-back. "
            f"Received: a field of {field} steps for a look-back of {lookback}: of the rest, "
            f"{field - lookback} steps, the network sees zeros alone and learns nothing. "
            f"Use dilations=dilations_for({lookback}, kernel_size), or lookback={field}."
        )
    return None
