"""What each dilation level adds to an output, exactly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from tcn.inspection.recording import Call, layers_by_path, recorded
from tcn.inspection.running import as_array, run
from tcn.models.tcn import TCN
from tcn.models.wavenet import WaveNet

__all__ = ["Contributions", "contributions"]


@dataclass(frozen=True, eq=False)
class Contributions:
    """What the blocks of a network add to its output: `output = offset + values.sum(axis=0)`.

    Attributes:
        dilations: Dilation rate of each block.
        values: `(blocks, *shape of the output)`.
        offset: What is there without any block, the biases after the sum; shape of the output.
        output: What is explained: the network's output, or that of the readout.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import Contributions
        >>> parts = Contributions((1, 2), np.array([[1.0], [2.0]]), np.array([0.5]), np.array([3.5]))
        >>> (parts.offset + parts.values.sum(axis=0) == parts.output).item()
        True
    """

    dilations: tuple[int, ...]
    values: np.ndarray
    offset: np.ndarray
    output: np.ndarray

    @property
    def levels(self) -> dict[int, np.ndarray]:
        """Contribution of each dilation rate, from the smallest up: the sum over its blocks."""
        rates = np.array(self.dilations)
        return {rate: self.values[rates == rate].sum(axis=0) for rate in sorted(set(self.dilations))}


def contributions(model: Any, inputs: Any, readout: Any = None, mask: Any = None) -> Contributions:
    """Divide an output exactly among the dilation levels of a network whose skip outputs are summed.

    With the skips `s_i` of the blocks and an affine readout::

        y = b + W sum_i s_i        contribution of block i: W s_i        offset: b

    The rectifiers of a `WaveNet`'s own last layers are switches `D = diag(input > 0)`. As they stand for the
    inputs at hand, its output is affine in the skips too::

        y = b_2 + W_2 D_2 (b_1 + W_1 D_1 sum_i s_i)        contribution of block i: W_2 D_2 W_1 D_1 s_i

    A block's skip is what its own dilation reads out of all blocks before it: a level stands for the range of
    the past that is seen up to there, not for a lag. For lags, see `occlusion`.

    Args:
        model: A built model or layer that is or holds one `WaveNet`, or one `TCN` with skip connections.
        inputs: What the model takes; all of it is computed at once.
        readout: Affine layer on the network's output: a `Dense` layer, a 1x1 convolution, a `PointHead`. By
            default the model's `head` if it has one; with none, the output of the network itself is divided.
        mask: Boolean, `(batch, time)`, passed on to the model. At masked steps an output has no meaning, and
            nor have contributions.

    Returns:
        The contributions. They sum to the output as float32 sums do, to 1e-5 or so.

    Raises:
        ValueError: If there is no such network or more than one, it is called more than once or computes in
            half precision, the model is not built, or the readout is not affine.

    Example:
        >>> import keras, numpy as np
        >>> from tcn import WaveNet
        >>> from tcn.inspection import contributions
        >>> model = keras.Sequential([keras.Input((None, 1)), WaveNet(4, dilations=(1, 2, 4), cycles=2)])
        >>> model.add(keras.layers.Dense(1))
        >>> x = np.random.default_rng(0).normal(size=(2, 30, 1)).astype("float32")
        >>> parts = contributions(model, x, readout=model.layers[-1])
        >>> parts.dilations, parts.values.shape, list(parts.levels)
        ((1, 2, 4, 1, 2, 4), (6, 2, 30, 1), [1, 2, 4])
        >>> bool(np.allclose(parts.offset + parts.values.sum(axis=0), model(x), atol=1e-5))
        True

    Reference:
        van den Oord et al. (2016), WaveNet: A Generative Model for Raw Audio, section 2.4, for skip outputs.
    """
    network = _network(model)
    readout = getattr(model, "head", None) if readout is None else readout
    blocks = network.blocks if isinstance(network, WaveNet) else network.residual_blocks
    layers = {"network": network} | {f"block {i}": block for i, block in enumerate(blocks)}
    with recorded(layers) as calls:
        run(model, inputs, mask)
    if "network:2" in calls:
        raise ValueError(f"The network must be called once. Received: {network.name!r}, called again.")
    skips = [_skip(network, calls[f"block {i}"]) for i in range(len(blocks))]
    output = calls["network"].outputs
    if isinstance(network, TCN) and network.return_state:
        output = output[0]
    values = ops.stack(skips)
    offset = ops.zeros_like(values[0])
    if isinstance(network, WaveNet):
        for layer in network.final:
            switch = ops.cast(offset + ops.sum(values, axis=0) > 0, values.dtype)
            values, offset = _through(layer, values * switch, offset * switch)
    if readout is not None:
        values, offset = _through(readout, values, offset)
        output = readout(output)
    found = Contributions(_rates(network, len(blocks)), *map(as_array, (values, offset, output)))
    _check_sum(found, readout)
    return found


def _network(model: Any) -> WaveNet | TCN:
    found = [layer for layer in layers_by_path(model).values() if isinstance(layer, WaveNet | TCN)]
    if len(found) != 1:
        names = ", ".join(repr(layer.name) for layer in found) or "none"
        raise ValueError(f"A model must hold one WaveNet, or one TCN. Received: {names} in {model.name!r}")
    network = found[0]
    if isinstance(network, TCN) and not network.use_skip_connections:
        raise ValueError(
            f"The blocks of a TCN add to its output if it has skip connections. Received: {network.name!r} "
            "with use_skip_connections=False"
        )
    if network.compute_dtype not in ("float32", "float64"):
        raise ValueError(
            "Contributions need sums that are exact to float32. Received: a network that computes in "
            f"{network.compute_dtype}; copy its weights into one of dtype='float32'."
        )
    return network


def _skip(network: WaveNet | TCN, call: Call) -> Any:
    """What a block adds to the network's sum."""
    skip = call.outputs[-1] if isinstance(call.outputs, tuple | list) else call.outputs
    if isinstance(network, TCN) and not network.return_sequences:
        return network._one_step(skip, call.arguments.get("mask"))
    return skip


def _rates(network: WaveNet | TCN, blocks: int) -> tuple[int, ...]:
    rates = network.dilations
    return tuple(rates) * (blocks // len(rates))


def _through(layer: Any, values: Any, offset: Any) -> tuple[Any, Any]:
    """Contributions and offset after an affine layer."""
    nothing = layer(ops.zeros_like(offset))
    parts = [layer(part) - nothing for part in values]
    return ops.stack(parts), layer(offset)


def _check_sum(found: Contributions, readout: Any) -> None:
    size = max(1.0, float(np.abs(found.values).sum(axis=0).max()), float(np.abs(found.output).max()))
    error = float(np.abs(found.offset + found.values.sum(axis=0) - found.output).max())
    if not error <= 1e-4 * size:
        raise ValueError(
            "The readout must be affine, a layer without activation. Received: "
            f"{getattr(readout, 'name', None)!r}, whose contributions miss the output by {error:.2g}; "
            "to divide the output of the network before it, pass the network itself."
        )
