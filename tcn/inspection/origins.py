"""What the parts of a network add to its forecasts, exactly, at each origin."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tcn.inspection.recording import Call, recorded
from tcn.inspection.running import as_array
from tcn.members import MemberDense, MemberHead, MemberRMSNorm
from tcn.models.forking import ForkingTCN

__all__ = ["Divided", "OriginContributions", "added_by_blocks", "divide", "origin_contributions"]


@dataclass(frozen=True, eq=False)
class OriginContributions:
    """What parts of a `ForkingTCN` add to its output: `output = sum(parts.values())`.

    Attributes:
        parts: Name to `(members, batch, origins, horizon)`: "seasons", the linear map of the window;
            "look-back", the long kernel; "newest step"; "dilation 1" and so on, what the stack's blocks of
            that rate add; "size and level" of the window; "calendar"; "ahead", what is known in advance;
            "constant", the biases.
        output: What is explained, in units of each window's scale: how far the median lies from the window's
            location, before any calibration; with a hurdle, the logarithm of the size.

    Example:
        >>> import numpy as np
        >>> from tcn.models import ForkingTCN
        >>> network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=4, dilations=(1, 2))
        >>> network.build((None, None, 5))
        >>> from tcn.inspection import origin_contributions
        >>> origin_contributions(network, np.ones((1, 1, network.context + 1, 5), "float32")).output.shape
        (1, 1, 1, 3)
    """

    parts: Mapping[str, np.ndarray]
    output: np.ndarray


def origin_contributions(
    network: ForkingTCN, inputs: Any, ahead: Any = None, static: Any = None, stride: int = 1
) -> OriginContributions:
    """Divide the forecasts of a `ForkingTCN` exactly among the parts that they come from.

    The state of an origin is a sum: of the long kernel, and of what the first layer and each block of the
    stack add to the residual path, or by their skip outputs. What follows is affine but for norms and gates.
    As these stand for the inputs at hand, with `n` the factor of a norm and `g = sigmoid(a)` the gates of
    `silu(a) = g a`, the output is affine in the state, and each part of the state has its own share::

        s' = s + W_2 (g * (W_1 n s))        y = W_3 n' s' + biases

    A dilation stands for the range of the past that is seen up to there, not for a lag.

    Args:
        network: A built network.
        inputs: As for `ForkingTCN.forecast_members`, as are the others.
        ahead: Features of the steps ahead, or None.
        static: Features of the series, or None.
        stride: Steps from one origin to the next.

    Returns:
        The contributions. They sum to the output as float32 sums do, to 1e-5 or so.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import origin_contributions
        >>> from tcn.models import ForkingTCN
        >>> network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=4, dilations=(1, 2))
        >>> network.build((None, None, 5))
        >>> found = origin_contributions(network, np.ones((1, 1, network.context + 1, 5), "float32"))
        >>> list(found.parts)
        ['seasons', 'look-back', 'newest step', 'dilation 1', 'dilation 2', 'size and level', 'constant']
        >>> bool(np.allclose(sum(found.parts.values()), found.output, atol=1e-5))
        True
    """
    found = divide(network, inputs, ahead, static, stride)
    linear = network.head.linear_output
    parts = {name: as_array(numbers[..., linear]) for name, numbers in found.numbers.items()}
    return OriginContributions(parts, as_array(found.whole[..., linear]))


class Divided(NamedTuple):
    """The numbers that a head makes quantiles of, divided among the parts that they come from, as tensors.

    Attributes:
        numbers: Name of the part to `(members, batch, origins, horizon, outputs)`.
        whole: What the network has computed; of the same shape.
        head: The call of the head, with the view of the window and its level among its arguments.
    """

    numbers: dict[str, Any]
    whole: Any
    head: Call


def divide(network: ForkingTCN, inputs: Any, ahead: Any, static: Any, stride: int = 1) -> Divided:
    """Divide the numbers that quantiles are made of; see `origin_contributions` for the arguments.

    Args:
        network: A built network.
        inputs: What it reads.
        ahead: Features of the steps ahead, or None.
        static: Features of the series, or None.
        stride: Steps from one origin to the next.

    Returns:
        Parts and whole.
    """
    layers = {name: getattr(network, name) for name in ("windows", "long_kernel", "stem", "describe")}
    layers |= {f"block {i}": block for i, block in enumerate(network.blocks)}
    layers |= {"out": network.head.out, "head": network.head}
    layers |= {"embed": network.embed} if network.phases > 1 else {}
    layers |= {} if network.ahead is None else {"ahead": network.ahead}
    with recorded(layers) as calls:
        network.forecast_members(inputs, ahead=ahead, static=static, stride=stride)
    states, constant = _states(network, calls, stride)
    whole = sum(states.values(), constant)
    shares, constant = _through_head(network.head, states, constant, whole)

    def by_step(out: Any) -> Any:
        return ops.reshape(out, (*ops.shape(out)[:-1], network.horizon, network.head.outputs))

    seasons = network._repeat_seasons(calls["windows"].outputs.window)[..., None]
    seasons = seasons * ops.one_hot(network.head.linear_output, network.head.outputs, dtype=seasons.dtype)
    numbers = {"seasons": seasons} | {name: by_step(share) for name, share in shares.items()}
    output = by_step(calls["out"].outputs) + seasons
    if network.ahead is not None:
        numbers["ahead"] = calls["ahead"].outputs
        output = output + numbers["ahead"]
    numbers["constant"] = by_step(constant)
    return Divided(numbers, output, calls["head"])


def _states(network: ForkingTCN, calls: Mapping[str, Call], stride: int) -> tuple[dict[str, Any], Any]:
    """What each part adds to the state of the origins, and what biases add."""
    depth = {name: call.outputs for name, call in calls.items()}
    added = added_by_blocks(network, calls)
    deepest = added[-1]
    hidden = {} if network.architecture == "wavenet" else {"newest step": depth["stem"]}
    for rate, part in sorted(zip(network.dilations, added, strict=True), key=lambda pair: pair[0]):
        name = f"dilation {rate}"
        part = _last(part, deepest)
        hidden[name] = hidden[name] + part if name in hidden else part
    hidden = {name: _last(part, deepest)[..., ::stride, :] for name, part in hidden.items()}
    whole = sum(list(hidden.values())[1:], next(iter(hidden.values())))
    through = {
        name: _linear(network.project, _normed(network.norm, part, whole)) for name, part in hidden.items()
    }
    nothing = ops.zeros_like(whole)
    states = {"look-back": depth["long_kernel"] - _bias(network.long_kernel), **through}
    states["size and level"] = depth["describe"] - _bias(network.describe)
    if "embed" in depth:
        states["calendar"] = depth["embed"]
    constant = network.project(nothing) + _bias(network.long_kernel) + _bias(network.describe)
    return states, constant


def added_by_blocks(network: ForkingTCN, calls: Mapping[str, Call]) -> list[Any]:
    """What each block of the stack adds: to the residual path, or by its skip output.

    Args:
        network: The network.
        calls: Calls of "stem" and of each "block 0", "block 1", ...

    Returns:
        For each block `(members, batch, steps, filters)`, shorter by the context of each block before it.
    """
    outputs = [calls[f"block {i}"].outputs for i in range(len(network.blocks))]
    if network.architecture == "wavenet":
        return [block[1] for block in outputs[:-1]] + outputs[-1:]
    before = [calls["stem"].outputs, *outputs[:-1]]
    return [block - _last(came, block) for came, block in zip(before, outputs, strict=True)]


def _through_head(
    head: MemberHead, states: Mapping[str, Any], constant: Any, whole: Any
) -> tuple[dict[str, Any], Any]:
    """What becomes of parts of the state, and of the constant with the head's biases."""
    states = dict(states)
    for norm, up, down in zip(head.norms, head.up, head.down, strict=False):
        hidden = up(norm(whole))
        gate = ops.sigmoid(hidden)
        for name, part in states.items():
            states[name] = part + _linear(down, gate * _linear(up, _normed(norm, part, whole)))
        constant = constant + down(gate * up(_normed(norm, constant, whole)))
        whole = whole + down(gate * hidden)
    last = head.norms[-1]
    shares = {name: _linear(head.out, _normed(last, part, whole)) for name, part in states.items()}
    return shares, head.out(_normed(last, constant, whole))


def _normed(norm: MemberRMSNorm, part: Any, whole: Any) -> Any:
    """A part by the factor that its whole is normalized by."""
    return part * norm.factor(whole) * norm.gain


def _linear(layer: MemberDense, inputs: Any) -> Any:
    """A layer without its bias."""
    return layer(inputs) - _bias(layer)


def _bias(layer: MemberDense) -> Any:
    """Bias of a layer, `(members, 1, 1, units)`."""
    return ops.expand_dims(layer.bias, 2)


def _last(longer: Any, shorter: Any) -> Any:
    """The newest steps, as many as another array has."""
    return longer[..., -shorter.shape[-2] :, :]
