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

__all__ = ["Filters", "FrequencyResponse", "first_layer_filters", "frequency_response"]

_CONVOLUTIONS = (
    CausalConvolution,
    CausalDownsampling1D,
    keras.layers.Conv1D,
    keras.layers.DepthwiseConv1D,
)


@dataclass(frozen=True, eq=False)
class Filters:
    """Kernel of a convolution over time.

    Attributes:
        path: Where the layer is in the model.
        kernel: `(taps, channels, filters)`, oldest tap first; of a depthwise layer as it stores it.
        dilation_rate: Steps between taps.
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


def first_layer_filters(model: Any) -> Filters:
    """Find the first convolution over time in a model, at any depth, and its kernel.

    Layers are gone through as `layers_by_path` has them: in functional and sequential models in the order in
    which data pass them, in other ones in that in which they were made. Convolutions of a single tap mix
    channels and let all frequencies through; they are passed over, and so are layers with known kernels.

    Args:
        model: A built model or layer.

    Returns:
        Path, kernel and dilation rate; with weight normalization, the kernel that is applied.

    Raises:
        ValueError: If the model is not built or has no such layer.

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
    for path, layer in layers_by_path(model).items():
        inner = layer.layer if isinstance(layer, WeightNormalization) else layer
        if isinstance(inner, _CONVOLUTIONS):
            kernel = as_array(layer.kernel)
            if kernel.shape[0] > 1:
                return Filters(path, kernel, int(np.ravel(getattr(inner, "dilation_rate", 1))[0]))
    raise ValueError(
        f"The model must have a convolution over time, of more than one tap. Received: {model.name!r} "
        "without any."
    )


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
