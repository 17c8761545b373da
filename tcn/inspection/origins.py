"""What the parts of a network add to its forecasts, exactly, at each origin."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from tcn.inspection.recording import Call, recorded
from tcn.inspection.running import as_array
from tcn.members import MemberDense, MemberHead, MemberRMSNorm
from tcn.models.forking import ForkingTCN

__all__ = ["OriginContributions", "origin_contributions"]


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
    layers = {name: getattr(network, name) for name in ("windows", "long_kernel", "stem", "describe")}
    layers |= {f"block {i}": block for i, block in enumerate(network.blocks)}
    layers["out"] = network.head.out
    layers |= {"embed": network.embed} if network.phases > 1 else {}
    layers |= {} if network.ahead is None else {"ahead": network.ahead}
    with recorded(layers) as calls:
        network.forecast_members(inputs, ahead=ahead, static=static, stride=stride)
    states, constant = _states(network, calls, stride)
    whole = sum(states.values(), constant)
    shares, constant = _through_head(network.head, states, constant, whole)

    def linear(out: Any) -> Any:
        out = ops.reshape(out, (*ops.shape(out)[:-1], network.horizon, network.head.outputs))
        return out[..., network.head.linear_output]

    parts = {"seasons": network._repeat_seasons(calls["windows"].outputs.window)}
    parts |= {name: linear(share) for name, share in shares.items()}
    output = linear(calls["out"].outputs) + parts["seasons"]
    if network.ahead is not None:
        parts["ahead"] = calls["ahead"].outputs[..., network.head.linear_output]
        output = output + parts["ahead"]
    parts["constant"] = linear(constant)
    return OriginContributions({name: as_array(part) for name, part in parts.items()}, as_array(output))


def _states(network: ForkingTCN, calls: Mapping[str, Call], stride: int) -> tuple[dict[str, Any], Any]:
    """What each part adds to the state of the origins, and what biases add."""
    depth = {name: call.outputs for name, call in calls.items()}
    deepest = [depth[f"block {i}"] for i in range(len(network.blocks))]
    if network.architecture == "wavenet":
        added = [block[1] for block in deepest[:-1]] + deepest[-1:]
        hidden = {}
    else:
        before = [depth["stem"], *deepest[:-1]]
        added = [block - _last(came, block) for came, block in zip(before, deepest, strict=True)]
        hidden = {"newest step": depth["stem"]}
    for rate, part in sorted(zip(network.dilations, added, strict=True), key=lambda pair: pair[0]):
        name = f"dilation {rate}"
        part = _last(part, deepest[-1])
        hidden[name] = hidden[name] + part if name in hidden else part
    hidden = {name: _last(part, deepest[-1])[..., ::stride, :] for name, part in hidden.items()}
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
