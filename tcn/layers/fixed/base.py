"""What all layers with a known kernel have in common."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.layers.checks import known_channels
from tcn.memory import extend_dilated

__all__ = ["KnownKernel1D"]


class KnownKernel1D(keras.layers.Layer):
    """Base of layers that convolve each channel with a kernel that starts at given taps.

    Whether the kernel may train is settled when the layer is made. If it may, `trainable` freezes and
    unfreezes it, as in any layer; if not, nothing makes it train, be it the flag of a model that holds it.

    Args:
        taps: Taps, the oldest first.
        dilation_rate: Steps between taps.
        trainable: Whether training may change the kernel, in each channel by itself.
    """

    def __init__(
        self, taps: Sequence[float], dilation_rate: int, trainable: bool = False, **kwargs: Any
    ) -> None:
        # Differences of numbers that half precision has rounded say nothing.
        super().__init__(trainable=trainable, autocast=False, **kwargs)
        self._may_train = trainable
        self.supports_masking = True
        self._taps = np.array(taps, dtype="float64")
        self._rate = dilation_rate

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + (len(self._taps) - 1) * self._rate

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel, one for each channel."""
        shape = (len(self._taps), known_channels(input_shape))
        kernel = np.broadcast_to(self._taps[:, None], shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=shape,
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(kernel, dtype=dtype),
            trainable=self._may_train,
        )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Convolve what was observed."""
        values = ops.cast(inputs, keras.backend.result_type(self.variable_dtype, "float32"))
        known = ops.ones_like(values[..., :1])
        if mask is not None:
            known = ops.cast(mask[..., None], values.dtype)
            values = ops.where(mask[..., None], values, 0.0)
        outputs = self._convolve(values, self.kernel, "past") * self._share(known)
        return ops.cast(outputs, self.compute_dtype)

    def _convolve(self, values: Any, kernel: Any, name: str) -> Any:
        taps = len(self._taps)
        kernel = ops.cast(kernel, values.dtype)
        longer, rate = extend_dilated(self, values, taps, self._rate, name=name)
        return sum(longer[:, i * rate : (i + 1 - taps) * rate or None] * kernel[i] for i in range(taps))

    def _share(self, known: Any) -> Any:
        """What to multiply an output by to make up for taps that are missing."""
        if (self._taps >= 0).all():
            seen = self._convolve(known, self._taps[:, None], "observed")
            return ops.where(seen > 0, float(self._taps.sum()) / ops.where(seen > 0, seen, 1.0), 0.0)
        used = (self._taps != 0).astype("float32")
        seen = self._convolve(known, used[:, None], "observed")
        return ops.cast(seen > used.sum() - 0.5, known.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, and whether a kernel that may train is frozen."""
        config = {**super().get_config(), "trainable": self._may_train}
        return {**config, "frozen": True} if self._may_train and not self.trainable else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "KnownKernel1D":
        """Make one of what `get_config` returned."""
        layer = cls(**{name: value for name, value in config.items() if name != "frozen"})
        if config.get("frozen"):
            layer.trainable = False
        return layer
