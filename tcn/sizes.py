"""Lengths of outputs and numbers of weights of convolutions.

Pure integer arithmetic, as in `tcn.receptive_field`.
"""

from tcn.integers import check_positive
from tcn.receptive_field import receptive_field

__all__ = ["convolution_parameters", "output_length", "transposed_output_length"]


def output_length(
    length: int, kernel_size: int, stride: int = 1, padding: str = "causal", dilation_rate: int = 1
) -> int:
    """Steps that a convolution or a pooling layer makes of a sequence.

    Args:
        length: Steps of the input.
        kernel_size: Taps, or the window.
        stride: Steps from one output to the next.
        padding: "causal" (zeros in front), "same" (zeros on both sides) or "valid" (none).
        dilation_rate: Steps between taps.

    Returns:
        `ceil(length / stride)`; for "valid" `floor((length - reach) / stride) + 1` with
        `reach = (kernel_size - 1) * dilation_rate + 1`, or 0 if the sequence is shorter.

    Raises:
        ValueError: If a number is not a positive integer, or there is no such padding.

    Example:
        >>> output_length(10, kernel_size=3), output_length(10, kernel_size=3, padding="valid")
        (10, 8)
    """
    length, kernel_size, stride, dilation_rate = check_positive(
        length=length, kernel_size=kernel_size, stride=stride, dilation_rate=dilation_rate
    )
    reach = receptive_field(kernel_size, [dilation_rate])
    if padding == "valid":
        return max((length - reach) // stride + 1, 0)
    if padding not in ("causal", "same"):
        raise ValueError(f"'padding' must be 'causal', 'same' or 'valid'. Received: padding={padding!r}")
    return -(-length // stride)


def transposed_output_length(length: int, kernel_size: int, stride: int, padding: str = "same") -> int:
    """Steps that a transposed convolution makes of a sequence.

    Args:
        length: Steps of the input.
        kernel_size: Taps.
        stride: Outputs for each input step.
        padding: "same" or "valid" (with what goes beyond the last step).

    Returns:
        `length * stride`; for "valid" `max(kernel_size - stride, 0)` more.

    Raises:
        ValueError: If a number is not a positive integer, or there is no such padding.

    Example:
        >>> transposed_output_length(10, kernel_size=4, stride=2)
        20
    """
    length, kernel_size, stride = check_positive(length=length, kernel_size=kernel_size, stride=stride)
    if padding not in ("same", "valid"):
        raise ValueError(f"'padding' must be 'same' or 'valid'. Received: padding={padding!r}")
    return length * stride + (max(kernel_size - stride, 0) if padding == "valid" else 0)


def convolution_parameters(
    channels: int, filters: int, kernel_size: int, use_bias: bool = True, groups: int = 1
) -> int:
    """Weights of a convolution. Neither its dilation nor the length of the sequence adds any.

    Args:
        channels: Input channels.
        filters: Output channels.
        kernel_size: Taps.
        use_bias: Whether there is a bias for each filter.
        groups: Groups of channels that are convolved separately; `channels` of them in a depthwise one.

    Returns:
        `(kernel_size * channels / groups + 1) * filters`, without the 1 if there is no bias.

    Raises:
        ValueError: If a number is not a positive integer, or the groups do not divide channels and filters.

    Example:
        >>> convolution_parameters(channels=64, filters=64, kernel_size=3)
        12352
    """
    channels, filters, kernel_size, groups = check_positive(
        channels=channels, filters=filters, kernel_size=kernel_size, groups=groups
    )
    if channels % groups or filters % groups:
        raise ValueError(
            "'groups' must divide 'channels' and 'filters'. "
            f"Received: groups={groups}, channels={channels}, filters={filters}"
        )
    return (kernel_size * channels // groups + int(use_bias)) * filters
