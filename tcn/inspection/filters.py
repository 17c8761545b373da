"""What the first convolution of a model lets through: its kernel and the frequencies of it."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tcn.inspection.recording import layers_by_path
from tcn.inspection.running import as_array
from tcn.layers.causal import CausalConvolution
from tcn.layers.checks import check_positive
from tcn.layers.resampling import CausalDownsampling1D
from tcn.layers.weight_norm import WeightNormalization
from tcn.members.dense import MemberDense
from tcn.members.gated import MemberGLUBlock
from tcn.members.wavenet import MemberWaveNetBlock
from tcn.models.forking import ForkingTCN

__all__ = ["Filters", "FrequencyResponse", "first_layer_filters", "frequency_response"]

_CONVOLUTIONS = (
    CausalConvolution,
    CausalDownsampling1D,
    keras.layers.Conv1D,
    keras.layers.DepthwiseConv1D,
    keras.layers.SeparableConv1D,
)


@dataclass(frozen=True, eq=False)
class Filters:
    """Kernel of a convolution over time.

    Attributes:
        path: Where the layer is in the model.
        kernel: `(taps, channels, filters)`, oldest tap first; of a depthwise layer as it stores it.
        dilation_rate: Steps between taps.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import Filters
        >>> Filters("block_0/conv", np.ones((3, 1, 8)), dilation_rate=2).kernel.shape
        (3, 1, 8)
    """

    path: str
    kernel: np.ndarray
    dilation_rate: int


@dataclass(frozen=True, eq=False)
class FrequencyResponse:
    """What a filter makes of sine waves.

    Attributes:
        frequencies: In cycles a step, from 0 to 1/2; a period of `p` steps is the frequency `1 / p`.
        response: Complex, `(points, *kernel.shape[1:])`: a wave of the frequency is multiplied by it.

    Example:
        >>> from tcn.inspection import frequency_response
        >>> abs(frequency_response([1.0, -1.0], points=2).response).round(6).tolist()  # a difference
        [0.0, 2.0]
    """

    frequencies: np.ndarray
    response: np.ndarray

    @property
    def magnitude(self) -> np.ndarray:
        """Factor on the amplitude of a wave."""
        magnitude: np.ndarray = np.abs(self.response)
        return magnitude

    @property
    def phase(self) -> np.ndarray:
        """Shift of a wave in radians, from -pi to pi; negative where it comes out later."""
        phase: np.ndarray = np.angle(self.response)
        return phase


def first_layer_filters(model: Any, member: int = 0) -> Filters:
    """Find the first convolution over time in a model, at any depth, and its kernel.

    Layers are gone through as `layers_by_path` has them: in functional and sequential models in the order in
    which data pass them, in other ones in that in which they were made. Convolutions of a single tap mix
    channels and let all frequencies through; they are passed over, and so are layers with known kernels.

    Of a `ForkingTCN` it is the kernel over the whole look-back, whose channels are the scaled values and
    whether they were observed. Its dilated stack is another path: `first_layer_filters(model.blocks[0])`.

    Args:
        model: A built model or layer.
        member: Whose kernel, where a layer has one for each member of an ensemble.

    Returns:
        Path, kernel and dilation rate; with weight normalization, the kernel that is applied.

    Raises:
        ValueError: If the model is not built, or has no such layer or member.

    Example:
        >>> import numpy as np
        >>> from tcn import TCN
        >>> from tcn.inspection import first_layer_filters
        >>> network = TCN(16, kernel_size=3)
        >>> network.build((None, None, 2))
        >>> found = first_layer_filters(network)
        >>> found.path, found.kernel.shape, found.dilation_rate
        ('residual_block_0/conv1D_0', (3, 2, 16), 1)
    """
    layers = layers_by_path(model)
    for layer in layers.values():
        holder, kernel, rate = _of_members(layer, member) or _of_convolution(layer)
        if len(kernel) > 1:
            return Filters(next(path for path in layers if layers[path] is holder), kernel, rate)
    raise ValueError(
        f"The model must have a convolution over time, of more than one tap. Received: {model.name!r} "
        "without any."
    )


def _of_convolution(layer: Any) -> tuple[Any, np.ndarray, int]:
    """The layer, its kernel, which is empty if there is none, and its dilation rate."""
    inner = layer.layer if isinstance(layer, WeightNormalization) else layer
    if not isinstance(inner, _CONVOLUTIONS):
        return layer, np.empty(0), 1
    kernel = layer.depthwise_kernel if isinstance(layer, keras.layers.SeparableConv1D) else layer.kernel
    return layer, as_array(kernel), int(np.ravel(getattr(inner, "dilation_rate", 1))[0])


def _of_members(layer: Any, member: int) -> tuple[Any, np.ndarray, int] | None:
    """The same of a layer whose products are of all taps at once, which lie side by side."""
    if isinstance(layer, ForkingTCN):
        # The whole window of one channel, then that of the other.
        kernel = _member(layer.long_kernel, member).reshape(2, layer.lookback, -1).transpose(1, 0, 2)
        return layer.long_kernel, kernel, 1
    if isinstance(layer, MemberGLUBlock | MemberWaveNetBlock):
        kernel = _member(layer.conv, member).reshape(layer.kernel_size, layer.filters, -1)
        return layer.conv, kernel, layer.dilation_rate
    return None


def _member(layer: MemberDense, member: int) -> np.ndarray:
    """The member's kernel, `(inputs, outputs)`."""
    if not 0 <= member < layer.members:
        raise ValueError(f"'member' must be from 0 to {layer.members - 1}. Received: member={member!r}")
    kernel: np.ndarray = as_array(layer.kernel)[member]
    return kernel


def frequency_response(kernel: Any, dilation_rate: int = 1, points: int = 257) -> FrequencyResponse:
    """Compute how much of each frequency a kernel lets through, and how it delays it.

    `H(f) = sum_i kernel[taps - 1 - i] exp(-2 pi j f i dilation_rate)`, for frequencies `f` in cycles a step:
    a wave `exp(2 pi j f t)` comes out of the causal convolution as `H(f) exp(2 pi j f t)`.

    Args:
        kernel: `(taps, ...)`, oldest tap first, as all convolutions here and in Keras store it.
        dilation_rate: Steps between taps. The response of a dilated kernel repeats at `1 / dilation_rate`: it
            cannot tell frequencies apart that differ by that.
        points: Frequencies, evenly spaced from 0 to 1/2; at least 2.

    Returns:
        Frequencies and response, with magnitude and phase.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> from tcn.inspection import frequency_response
        >>> mean = frequency_response([0.5, 0.5], points=3)
        >>> mean.frequencies.tolist(), mean.magnitude.round(3).tolist()
        ([0.0, 0.25, 0.5], [1.0, 0.707, 0.0])

    Reference:
        Oppenheim & Schafer (2010), Discrete-Time Signal Processing, section 2.6.
    """
    check_positive(dilation_rate=dilation_rate, points=points)
    taps = np.asarray(kernel, "float64")
    if points < 2 or taps.ndim == 0 or taps.size == 0:
        raise ValueError(
            "A response needs a kernel (taps, ...) and at least 2 points, the frequencies 0 and 1/2. "
            f"Received: kernel of shape {taps.shape}, points={points}"
        )
    frequencies = np.linspace(0, 0.5, points)
    lags = dilation_rate * np.arange(len(taps))[::-1]
    waves = np.exp(-2j * np.pi * frequencies[:, None] * lags)
    return FrequencyResponse(frequencies, np.tensordot(waves, taps, axes=1))
