"""Fitting a network at every origin of a panel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.errors import ForecastingError
from pipelines.network import Feed, FlatWeights, error_of, feed_of, jittered, stretched
from pipelines.plan import Plan
from pipelines.windows import ChunkSampler, SeriesTable

Record = dict[str, float]

_EPOCHS: Final = 20
_WARM_UP: Final = 50


def train(
    network: Any,
    table: SeriesTable,
    plan: Plan,
    seed: int,
    time_budget: float | None = None,
    callbacks: Iterable[Callable[[Record], None]] = (),
) -> list[Record]:
    """Minimize the quantile loss over all origins; the averaged weights stay in the network.

    Args:
        network: The network, built; its weights are changed.
        table: The series.
        plan: Steps, chunks, learning rate.
        seed: Fixes the order of the chunks, and their noise.
        time_budget: Seconds after which training is brought to its end early; None for no limit. With a
            limit the result depends on the speed of the machine.
        callbacks: Each is called with every record.

    Returns:
        A record per epoch: ``step``, ``loss``, ``learning_rate``, ``seconds``.

    Raises:
        ForecastingError: If the loss or a weight is no longer finite.
    """
    if plan.steps == 0:
        return []
    began = time.perf_counter()
    optimizer = keras.optimizers.AdamW(
        learning_rate=plan.learning_rate,
        weight_decay=1e-3,
        beta_2=0.99,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=0.99,
    )
    weights = FlatWeights(network)
    optimizer.build([weights.variable])
    feed = feed_of(table, plan, network.context)
    run_block = _compile(weights, optimizer, feed, plan, seed)
    sampler = ChunkSampler(table, plan.origins_per_chunk)
    rng = np.random.default_rng(seed)
    history: list[Record] = []
    per_epoch = -(-plan.steps // _EPOCHS)
    per_block = feed.steps(per_epoch, plan.members * plan.chunks)
    # A block without steps compiles and no more, so that the speed below is that of training alone.
    nothing = np.zeros((per_block, plan.members, plan.chunks), np.int32)
    run_block(*feed.block(nothing, nothing), np.full(per_block, -1.0, np.float32), np.float32(0))
    compiled = time.perf_counter() - began
    steps, done = plan.steps, 0
    while done < steps:
        size = min(per_epoch, steps - done)
        rates = learning_rates(plan.learning_rate, steps)[done : done + size]
        # Every block has the same shape, so that it is compiled once; a rate of -1 marks steps left out.
        padded = np.full(per_epoch, -1.0, np.float32)
        padded[:size] = rates
        series, newest = sampler.draw(rng, (per_epoch, plan.members, plan.chunks))
        total: Any = np.float32(0)
        for some in (slice(i, i + per_block) for i in range(0, size, per_block)):
            total = run_block(*feed.block(series[some], newest[some]), padded[some], total)
        loss = float(total) / size
        done += size
        _check_finite(loss, done)
        seconds = time.perf_counter() - began
        record = {"step": done, "loss": loss, "learning_rate": float(rates[-1]), "seconds": seconds}
        history.append(record)
        for callback in callbacks:
            callback(record)
        if time_budget is not None:
            affordable = done + int(max(time_budget - seconds, 0.0) / (seconds - compiled) * done)
            steps = min(plan.steps, affordable)
    optimizer.finalize_variable_values([weights.variable])
    weights.write_back()
    for values in network.get_weights():
        _check_finite(float(np.max(np.abs(values), initial=0.0)), done)
    return history


def find_devices() -> None:
    """Let TensorFlow look for what it can compute on; it has words for not finding a GPU."""
    tf.config.list_physical_devices()


def learning_rates(peak: float, steps: int) -> npt.NDArray[np.float32]:
    """Linear warm-up, then half a cosine down to zero.

    Args:
        peak: Largest rate.
        steps: Number of steps.

    Returns:
        ``(steps,)`` rates.

    Example:
        >>> learning_rates(1.0, 3).round(2).tolist()
        [1.0, 0.75, 0.25]
    """
    warm = min(_WARM_UP, steps // 4)
    rise = np.arange(1, warm + 1) / (warm + 1)
    fall = 0.5 * (1 + np.cos(np.pi * np.arange(steps - warm) / max(steps - warm, 1)))
    return (peak * np.concatenate([rise, fall])).astype(np.float32)


def _check_finite(number: float, step: int) -> None:
    """Stop a training that has gone astray, before anything of it is used."""
    if not np.isfinite(number):
        raise ForecastingError(
            f"Training needs a finite loss and finite weights. Received: {number} at step {step}; try "
            "another seed, and look for values in the data that are far out of its usual range."
        )


def _compile(weights: FlatWeights, optimizer: Any, feed: Feed, plan: Plan, seed: int) -> Any:
    """Return a function that runs a block of steps and adds their losses to a sum."""
    network = weights.network
    quantiles = tf.constant(network.quantiles, tf.float32)

    def loss_of(chunk: Any) -> Any:
        inputs, step = chunk.inputs, optimizer.iterations
        if plan.stretch:
            chunk = stretched(chunk, plan.stretch, seed, step)
            inputs = chunk.inputs
        if plan.jitter:
            inputs = jittered(inputs, plan.jitter, seed, step)
        forecast = network.forecast_members(inputs, **chunk.features, training=True)
        counts = tf.cast(chunk.known & ~chunk.held_out, tf.float32)
        error = error_of(plan.loss, chunk.target, forecast, quantiles, chunk.weight)
        error = error * counts * chunk.weight[..., None, None]
        return tf.reduce_sum(error) / tf.maximum(tf.reduce_sum(counts), 1.0)

    @tf.function(jit_compile=True, autograph=False)
    def run_block(rows: dict[str, Any], series: Any, newest: Any, rates: Any, before: Any) -> Any:
        gatherer = feed.gatherer(rows)

        def body(i: Any, total: Any) -> tuple[Any, Any]:
            optimizer.learning_rate.assign(rates[i])
            values = tf.convert_to_tensor(weights.variable.value)
            with tf.GradientTape() as tape:
                tape.watch(values)
                loss = weights.compute(lambda: loss_of(gatherer.gather(series[i], newest[i])), values)
            optimizer.apply([tape.gradient(loss, values)], [weights.variable])
            return i + 1, total + loss

        steps = tf.reduce_sum(tf.cast(rates >= 0, tf.int32))
        return tf.while_loop(lambda i, _: i < steps, body, (0, before))[1]

    return run_block
