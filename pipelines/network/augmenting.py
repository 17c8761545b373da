"""Chunks that are not quite those of the panel, so that a network learns what they have in common."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from pipelines.network.chunks import Chunk


def jittered(inputs: Any, strength: float, seed: int, step: Any) -> Any:
    """Add noise to the values of chunks; what is to be forecast of them stays.

    Args:
        inputs: ``(members, chunks, time, 5 + past channels)`` as the network takes them.
        strength: Standard deviation of the noise in usual changes of the series.
        seed: Fixes the noise together with the step.
        step: Number of the training step.

    Returns:
        Other inputs.
    """
    values, change = inputs[..., :1], inputs[..., 4:5]
    noise = tf.random.stateless_normal(tf.shape(values), _place(seed, step))
    return tf.concat([values + strength * change * noise, inputs[..., 1:]], axis=-1)


def stretched(chunk: Chunk, strength: float, seed: int, step: Any) -> Chunk:
    """Multiply chunks by a random factor each, around the first value of their series.

    Values, their usual changes and what is to be forecast grow alike, and errors count as much less, so that
    a chunk teaches as much as before. What is known besides the values stays.

    Args:
        chunk: Chunks of every member.
        strength: Standard deviation of the factors' logarithm.
        seed: Fixes the factors together with the step.
        step: Number of the training step.

    Returns:
        Other chunks.
    """
    # Noise of the same step has another place: steps are 0 or more.
    drawn = tf.random.stateless_normal(tf.shape(chunk.weight), _place(seed, -1 - step))
    factor = tf.exp(strength * drawn)
    wide, shown = factor[..., None, None], chunk.inputs
    inputs = tf.concat(
        [shown[..., :1] * wide, shown[..., 1:4], shown[..., 4:5] * wide, shown[..., 5:]], axis=-1
    )
    return chunk._replace(inputs=inputs, target=chunk.target * wide, weight=chunk.weight / factor)


def _place(seed: int, step: Any) -> Any:
    """Seed of random numbers that depend on nothing else."""
    return tf.stack([tf.cast(seed % 2**31, tf.int32), tf.cast(step, tf.int32)])
