"""What all augmentations share: training only, missing values, two parts of one series, which series."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.augmentation.checks import check_share
from tcn.layers.checks import is_like

__all__ = ["Augmentation", "SelectiveAugmentation"]

Tensor = Any


class Augmentation(keras.layers.Layer):
    """A random change of series, in training; otherwise the identity.

    A series is changed as a whole, its past and its future alike: give the layer whole chunks before they are
    split into input and target, or the two parts as a pair, which comes back as a pair.

    What is missing stays missing, and moves where the change moves time: a step that is masked, or a value
    that is NaN. It never enters what is computed from the others.

    Subclasses implement `transform`.

    Args:
        seed: Integer that fixes the changes, one after the other.

    Input shape:
        `(batch, time, channels)` or a pair of those, past and future; any floating type, which is kept.

    Output shape:
        As the input.

    Raises:
        ValueError: If what is called is no floating-point numbers, or the pair not of the same series.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self._moved: Any = None

    def transform(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Change series.

        Args:
            values: `(batch, time, channels)`, single or double precision, 0 where nothing was observed.
            observed: Boolean, of the same shape.

        Returns:
            Both, changed.
        """
        raise NotImplementedError

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Change series in training."""
        if not training:
            return inputs
        if not isinstance(inputs, (list, tuple)):
            outputs, self._moved = self._transformed(inputs, mask)
            return outputs
        _check_pair(inputs)
        past, future = inputs
        masks = _joined(inputs, (None, None) if mask is None else mask)
        outputs, moved = self._transformed(ops.concatenate([past, future], axis=1), masks)
        cut = ops.shape(outputs)[1] - ops.shape(future)[1]
        self._moved = None if moved is None else (moved[:, :cut], moved[:, cut:])
        return type(inputs)([outputs[:, :cut], outputs[:, cut:]])

    def _transformed(self, series: Tensor, mask: Any) -> tuple[Tensor, Any]:
        if not keras.backend.is_float_dtype(series.dtype):
            dtype = keras.backend.standardize_dtype(series.dtype)
            raise ValueError(
                f"The input of {self.name!r} must be floating-point numbers. Received: {dtype}. "
                'Convert it: x.astype("float32").'
            )
        exact = ops.cast(series, keras.backend.result_type(series.dtype, "float32"))
        observed = ops.logical_not(ops.isnan(exact))
        if mask is not None:
            observed = ops.logical_and(observed, mask[..., None])
        values, observed = self.transform(ops.where(observed, exact, ops.zeros_like(exact)), observed)
        moved = None if mask is None else ops.any(observed, axis=-1)
        nothing = ops.full_like(values, np.nan)
        if moved is not None:
            nothing = ops.where(moved[..., None], nothing, ops.zeros_like(values))
        return ops.cast(ops.where(observed, values, nothing), series.dtype), moved

    def draw(self, *shape: Any) -> Tensor:
        """Independent numbers from 0 to 1, single precision, `shape`."""
        return keras.random.uniform(shape, seed=self.generator, dtype="float32")

    def draw_index(self, count: Any, *shape: Any) -> Tensor:
        """Independent whole numbers from 0 to count - 1, each as likely, `shape`; -1 where count is 0."""
        count = ops.cast(count, "float32")
        # A product next to `count` may be rounded up to it.
        return ops.cast(ops.minimum(ops.floor(count * self.draw(*shape)), count - 1), "int32")

    def draw_normal(self, *shape: Any) -> Tensor:
        """Independent standard normal numbers, single precision, `shape`."""
        return keras.random.normal(shape, seed=self.generator, dtype="float32")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask as the last call has moved it."""
        moved, self._moved = self._moved, None
        return mask if moved is None else moved

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def compute_output_spec(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Return the input's shape and type."""
        return keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape, x.dtype), inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "seed": self.seed}


class SelectiveAugmentation(Augmentation):
    """An augmentation of some of the series of a batch, and of some of their channels.

    Subclasses implement `augment`, which changes series as `transform` does and keeps their length.

    Args:
        rate: Share of the series that are changed, each by a draw of its own.
        channels: Indices of the channels that are changed; all unless told.
        seed: Integer that fixes the changes, one after the other.
    """

    def __init__(
        self,
        rate: float = 1.0,
        channels: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        check_share(rate=rate)
        self.rate = rate
        self.channels = None if channels is None else tuple(channels)

    def augment(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Change all series and channels, as `transform` does."""
        raise NotImplementedError

    def transform(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Change those that are chosen."""
        changed, still_observed = self.augment(values, observed)
        chosen = ops.logical_and(
            self.draw(ops.shape(values)[0], 1, 1) < self.rate, self._of(values.shape[-1])
        )
        return ops.where(chosen, changed, values), ops.where(chosen, still_observed, observed)

    def _of(self, channels: int) -> np.ndarray:
        """Which channels, `(1, 1, channels)`."""
        if self.channels is None:
            return np.ones((1, 1, channels), bool)
        if not set(self.channels) <= set(range(channels)):
            raise ValueError(
                f"'channels' must be indices of the input's {channels} channels. "
                f"Received: channels={self.channels}"
            )
        return np.isin(np.arange(channels), self.channels)[None, None]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "rate": self.rate, "channels": self.channels}


def _check_pair(parts: Sequence[Tensor]) -> None:
    """Raise unless they are past and future of the same series, as far as sizes are known."""
    shapes = [tuple(part.shape) for part in parts]
    alike = len(shapes) == 2 and is_like(*((shape[:1] + shape[2:]) for shape in shapes))
    if not alike:
        raise ValueError(
            "A pair must be past and future of the same series and channels, (batch, time, channels) each. "
            f"Received: shapes {', '.join(map(str, shapes))}"
        )


def _joined(parts: Any, masks: Any) -> Any:
    """One mask of both parts."""
    if all(mask is None for mask in masks):
        return None
    known = [
        ops.ones(ops.shape(part)[:2], dtype="bool") if mask is None else mask
        for part, mask in zip(parts, masks, strict=True)
    ]
    return ops.concatenate(known, axis=1)
