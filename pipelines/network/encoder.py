"""A small network that learns which stretches are of the same series."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from tcn.losses import TripletLoss
from tcn.models import TCN, SequenceEncoder

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_FILTERS: Final = 32
_KERNEL_SIZE: Final = 3
_MOST_BLOCKS: Final = 6
_LEARNING_RATE: Final = 2e-3
# Stretches that are embedded at once.
_BATCH: Final = 256


def build_encoder(length: int, units: int, seed: int) -> SequenceEncoder:
    """Make an untrained encoder whose field is as long as a stretch, as far as six blocks reach.

    Args:
        length: Steps of a stretch.
        units: Length of the vectors.
        seed: Fixes the initial weights.

    Returns:
        The encoder, built.
    """
    dilations = [1]
    while len(dilations) < _MOST_BLOCKS and 2 * (_KERNEL_SIZE - 1) * sum(dilations) < length:
        dilations.append(2 * dilations[-1])
    backbone = TCN(
        _FILTERS, _KERNEL_SIZE, dilations=dilations, return_sequences=True, seed=seed, name="backbone"
    )
    encoder = SequenceEncoder(backbone, units, seed=seed, name="encoder")
    encoder.build((None, None, 1))
    return encoder


def train_encoder(
    encoder: SequenceEncoder, batches: Iterable[tuple[Floats, Mask, npt.NDArray[np.int64]]], steps: int
) -> list[float]:
    """Train an encoder until stretches of one series lie closer together than those of two.

    Args:
        encoder: The encoder; its weights change.
        batches: Values ``(stretches, length)``, whether each was observed, and the series of each stretch.
        steps: Number of batches.

    Returns:
        Loss of each batch.
    """
    loss = TripletLoss()
    rates = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    optimizer = keras.optimizers.Adam(rates, clipnorm=1.0)
    inputs, mask = keras.Input((None, 1)), keras.Input((None,), dtype="bool")
    model = keras.Model([inputs, mask], encoder(inputs, mask=mask))
    model.compile(optimizer, loss, jit_compile=False)
    return [
        float(model.train_on_batch([values[..., None], observed], series))
        for values, observed, series in batches
    ]


def encode(encoder: SequenceEncoder, values: Floats, observed: Mask) -> Floats:
    """Embed stretches.

    Args:
        encoder: The encoder.
        values: ``(stretches, length)``.
        observed: Whether each value was observed.

    Returns:
        ``(stretches, units)`` unit vectors.
    """
    found: list[Any] = [
        np.asarray(
            encoder(
                values[i : i + _BATCH, :, None], mask=keras.ops.convert_to_tensor(observed[i : i + _BATCH])
            )
        )
        for i in range(0, len(values), _BATCH)
    ]
    return np.concatenate(found)
