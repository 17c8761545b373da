"""Exact receptive-field arithmetic for stacks of dilated causal convolutions.

Pure integer arithmetic: importing this module loads no deep-learning framework.
"""

from collections.abc import Iterable

__all__ = ["dilations_for", "receptive_field"]


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
    rates = list(dilations)
    _check_positive("kernel_size", kernel_size)
    _check_positive("convolutions_per_block", convolutions_per_block)
    for rate in rates:
        _check_positive("dilations", rate)
    return 1 + convolutions_per_block * (kernel_size - 1) * sum(rates)


def dilations_for(target: int, kernel_size: int = 3, convolutions_per_block: int = 1) -> tuple[int, ...]:
    """Shortest doubling sequence 1, 2, 4, ... whose stack sees at least `target` steps.

    Args:
        target: Steps the stack has to see, at least 1.
        kernel_size: Taps of every convolution, at least 2: with one tap no dilation widens the field.
        convolutions_per_block: Convolutions that share one block's dilation.

    Returns:
        Dilation rates, at least one of them.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> dilations_for(60, kernel_size=3)
        (1, 2, 4, 8, 16)
        >>> receptive_field(3, dilations_for(60, kernel_size=3))
        63
    """
    _check_positive("target", target)
    if not isinstance(kernel_size, int) or kernel_size < 2:
        raise ValueError(
            f"'kernel_size' must be an integer of at least 2. Received: kernel_size={kernel_size!r}"
        )
    rates = [1]
    while receptive_field(kernel_size, rates, convolutions_per_block) < target:
        rates.append(rates[-1] * 2)
    return tuple(rates)


def _check_positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"'{name}' must hold positive integers only. Received: {value!r}")
