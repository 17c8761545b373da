"""Arithmetic speed of the dilated causal convolution, against the machine's matrix product.

A convolution of 3 taps from 32 channels to 64, as in the blocks of the default network, at dilations 1, 2, 4,
8 and 16; GFLOP/s count multiplications and additions of matrix products alone. Shown are the convolution of
``tcn.members.MemberGLUBlock`` (taps side by side, then ``MemberDense``), the whole block with its norm, gate
and 1x1 convolution, and ``keras.layers.Conv1D(padding="causal")`` with XLA and without: forward and backward
over short chunks as in training, and forward over long series as in a one-pass backtest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _timing import in_turn, row, wants_small

FILTERS, TAPS, DILATIONS = 32, 3, (1, 2, 4, 8, 16)


def main(small: bool) -> None:
    """Print GFLOP/s for the shapes of training and of backtests."""
    rounds, repeats = (1, 1) if small else (7, 5)
    side = 256 if small else 1024
    for batch, time, training in [(4, 64, True)] if small else [(96, 80, True), (8, 2048, False)]:
        how = "forward and backward" if training else "forward"
        print(f"{batch} sequences of {time} steps, {FILTERS} -> {2 * FILTERS} channels, {how}")
        compare(batch, time, training, side, rounds, repeats)


def compare(batch: int, time: int, training: bool, side: int, rounds: int, repeats: int) -> None:
    """Time all ways in turn, and print each beside the matrix product."""
    import keras
    import tensorflow as tf

    from tcn.members import MemberGLUBlock

    keras.utils.set_random_seed(0)
    blocks = [MemberGLUBlock(FILTERS, TAPS, rate) for rate in DILATIONS]
    causal = [
        keras.layers.Conv1D(2 * FILTERS, TAPS, padding="causal", dilation_rate=rate) for rate in DILATIONS
    ]
    sequences = tf.random.normal((batch, time, FILTERS))
    for block, layer in zip(blocks, causal, strict=True):
        block.build((1, *sequences.shape))
        layer.build(sequences.shape)
    square = tf.random.normal((side, side))
    valid = sum(batch * (time - (TAPS - 1) * rate) for rate in DILATIONS)
    taps, mix = 2 * TAPS * FILTERS * 2 * FILTERS, 2 * FILTERS * FILTERS
    ways: dict[str, tuple[float, Callable[..., Any], Any, bool]] = {
        "matrix product": (2.0 * side**3 * len(DILATIONS), square_products, square, True),
        "convolution of MemberGLUBlock": (valid * taps, on_each(blocks, convolve), sequences[None], True),
        "MemberGLUBlock": (valid * (taps + mix), on_each(blocks, apply), sequences[None], True),
        "Conv1D, XLA": (batch * time * taps * len(DILATIONS), on_each(causal, apply), sequences, True),
        "Conv1D": (batch * time * taps * len(DILATIONS), on_each(causal, apply), sequences, False),
    }
    calls = {
        name: repeated(compiled(run, inputs, training, xla), repeats)
        for name, (_, run, inputs, xla) in ways.items()
    }
    seconds = in_turn(calls, rounds)
    # The gradients with respect to inputs and weights take a product each, as large as that of the result.
    passes = 3 if training else 1
    speed = {name: repeats * passes * flops / seconds[name] / 1e9 for name, (flops, *_) in ways.items()}
    for name, gflops in speed.items():
        row(name, f"{gflops:.0f} GFLOP/s", gflops / speed["matrix product"], "matrix product")


def compiled(run: Callable[[Any], list[Any]], inputs: Any, training: bool, xla: bool) -> Callable[[], Any]:
    """Compile a function that needs all results, or the gradients of all weights and of the inputs."""
    import tensorflow as tf

    @tf.function(jit_compile=xla, autograph=False)
    def forward(x: Any) -> Any:
        return tf.add_n([tf.reduce_sum(result) for result in run(x)])

    @tf.function(jit_compile=xla, autograph=False)
    def backward(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.add_n([tf.reduce_sum(result * result) for result in run(x)])
        return tape.gradient(total, [x, *tape.watched_variables()])

    return lambda: (backward if training else forward)(inputs)


def repeated(call: Callable[[], Any], times: int) -> Callable[[], None]:
    """Call several times, so that a timing is long beside the clock's steps."""

    def run() -> None:
        for _ in range(times):
            call()

    return run


def square_products(square: Any) -> list[Any]:
    """As many products of a square matrix as there are dilations."""
    import tensorflow as tf

    return [tf.matmul(square + float(rate), square) for rate in DILATIONS]


def on_each(layers: list[Any], use: Callable[[Any, Any], Any]) -> Callable[[Any], list[Any]]:
    """Use every layer on the same inputs."""
    return lambda x: [use(layer, x) for layer in layers]


def apply(layer: Any, inputs: Any) -> Any:
    """The whole layer."""
    return layer(inputs)


def convolve(block: Any, inputs: Any) -> Any:
    """The convolution of a gated block, without its norm and gate."""
    from keras import ops

    length = inputs.shape[-2] - (TAPS - 1) * block.dilation_rate
    starts = range(0, TAPS * block.dilation_rate, block.dilation_rate)
    return block.conv(ops.concatenate([inputs[..., k : k + length, :] for k in starts], axis=-1))


if __name__ == "__main__":
    main(wants_small(__doc__))
