"""Causal convolutions against Keras' own, forward and backward, compiled in the same way.

Shown is how many times faster ``tcn.layers.CausalConv1D`` with 3 taps is than
``keras.layers.Conv1D(padding="causal")``, for each width and dilation; and how many times faster
``tcn.layers.CausalDepthwiseConv1D`` is than ``keras.layers.DepthwiseConv1D`` behind a padding, for each
number of taps: with XLA (``jit_compile=True``) and without. Gradients are those of weights and inputs.
Figures are medians of many ratios of two calls, one after the other, so that what else the machine does
meets both alike. Where it does much, the processor time of both, which is compared last, says more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter, process_time
from typing import Any

from _timing import row, timed, wants_small

SHAPES = ((32, 256), (8, 2048))
WIDTHS = (16, 32, 64, 128)
DILATIONS = (1, 4, 8, 16, 64)
TAPS = (3, 7, 15, 25, 51)

Ratios = tuple[float, float]


def main(small: bool) -> None:
    """Print the tables, without TensorFlow's warnings of many functions."""
    from pipelines.tracking.quiet import only_errors

    with only_errors("tensorflow"):
        print_tables(small)


def print_tables(small: bool) -> None:
    """Print a table for each way to compile and each shape."""
    shapes, widths, seconds = (((2, 64),), (4,), 0.0) if small else (SHAPES, WIDTHS, 2.5)
    all_ratios: list[Ratios] = []
    for xla in (False, True):
        for batch, time in shapes:
            compiler = "XLA" if xla else "without XLA"
            print(f"{batch} sequences of {time} steps, {compiler}: times faster than Conv1D, by dilation")
            table_row("", DILATIONS)
            for width in widths:
                found = [times_faster(dense(width, rate, batch, time), xla, seconds) for rate in DILATIONS]
                table_row(f"{width} channels", [wall for wall, _ in found])
                all_ratios += found
    for kind, name in enumerate(("", ", processor time")):
        row(f"lowest of all{name}", "", min(ratios[kind] for ratios in all_ratios), "Conv1D")
        row(f"highest of all{name}", "", max(ratios[kind] for ratios in all_ratios), "Conv1D")
    (batch, time), width = shapes[0], widths[0] if small else 64
    print(f"{batch} sequences of {time} steps, {width} channels: times faster than DepthwiseConv1D, by taps")
    table_row("", TAPS)
    for xla in (False, True):
        found = [times_faster(depthwise(width, taps, batch, time), xla, seconds) for taps in TAPS]
        table_row("XLA" if xla else "without XLA", [wall for wall, _ in found])


def table_row(name: str, figures: Sequence[float]) -> None:
    """Print a line of a table, or its head."""
    cells = (f"{figure:>8.2f}" if isinstance(figure, float) else f"{figure:>8}" for figure in figures)
    print(f"  {name:<14}" + "".join(cells), flush=True)


def dense(width: int, rate: int, batch: int, time: int) -> tuple[Any, Any, Any]:
    """Return the layer, that of Keras with the same weights, and an input."""
    import keras
    import tensorflow as tf

    from tcn.layers import CausalConv1D

    mine = CausalConv1D(width, 3, rate)
    theirs = keras.layers.Conv1D(width, 3, padding="causal", dilation_rate=rate)
    return alike(mine, theirs, tf.random.normal((batch, time, width)))


def depthwise(width: int, taps: int, batch: int, time: int) -> tuple[Any, Any, Any]:
    """Return the layer, that of Keras with the same weights, and an input."""
    import keras
    import tensorflow as tf

    from tcn.layers.depthwise import CausalDepthwiseConv1D

    padding = keras.layers.ZeroPadding1D((taps - 1, 0))
    theirs = keras.Sequential([padding, keras.layers.DepthwiseConv1D(taps)])
    return alike(CausalDepthwiseConv1D(taps), theirs, tf.random.normal((batch, time, width)))


def alike(mine: Any, theirs: Any, inputs: Any) -> tuple[Any, Any, Any]:
    """Build both, and give them the same weights."""
    for layer in (mine, theirs):
        layer.build(inputs.shape)
    for a, b in zip(mine.weights, theirs.weights, strict=True):
        b.assign(a.numpy().reshape(b.shape))
    return mine, theirs, inputs


def times_faster(layers: tuple[Any, Any, Any], xla: bool, seconds: float) -> Ratios:
    """How many times faster the first layer is than the second, by the clock and in processor time."""
    *both, inputs = layers
    calls = [compiled(layer, inputs, xla) for layer in both]
    for call in calls * 2:
        call()
    by_clock: list[float] = []
    of_processor: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(by_clock) < (15 if seconds else 1):
        spent = {}
        for which in (0, 1) if len(by_clock) % 2 else (1, 0):
            began = process_time()
            spent[which] = timed(calls[which]), process_time() - began
        by_clock.append(spent[1][0] / spent[0][0])
        of_processor.append(spent[1][1] / spent[0][1])
    return median(by_clock), median(of_processor)


def compiled(layer: Any, inputs: Any, xla: bool) -> Callable[[], Any]:
    """Compile the gradients of a layer's weights and inputs."""
    import tensorflow as tf

    slope = tf.random.normal(layer.compute_output_shape(inputs.shape))

    @tf.function(jit_compile=xla, autograph=False)
    def backward(x: Any, slope: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(layer(x) * slope)
        return total, tape.gradient(total, [x, *tape.watched_variables()])

    return lambda: backward(inputs, slope)[0].numpy()


if __name__ == "__main__":
    main(wants_small(__doc__))
