"""A step of a stream, against computing it anew from as many steps as the network sees.

Receptive field 1,024, kernels of 2 taps, dilations 1, 2, 4, ..., 512: a WaveNet with its gates, residual and
skip outputs (it sees one step more), and bare convolutions with a rectifier, the least that a network of such
a field can compute. The window is computed by the faster of two compiled functions, with XLA and without,
that give the output of its last step alone, and by `Model.predict`, which is what one writes in Keras. The
step is `Streaming.step` as a user calls it, from and to arrays of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _timing import in_turn, row, wants_small

LEVELS, REPEATS = 10, 10


def main(small: bool) -> None:
    """Print a line for each network, width and batch."""
    levels, rounds = (3, 1) if small else (LEVELS, 15)
    for name, make in (("WaveNet", wavenet), ("convolutions", convolutions)):
        for filters in (4,) if small else (32, 64, 128):
            model = make(filters, [2**i for i in range(levels)])
            for batch in (2,) if small else (1, 64):
                compare(f"{name}, {filters} filters, batch {batch}", model, batch, 2**levels, rounds)


def wavenet(filters: int, dilations: list[int]) -> Any:
    """The network of the library, with one output."""
    import keras

    from tcn.models.wavenet import WaveNet

    inputs = keras.Input((None, 1))
    return keras.Model(inputs, WaveNet(filters, dilations=dilations, output_filters=1, seed=0)(inputs))


def convolutions(filters: int, dilations: list[int]) -> Any:
    """Convolutions one after the other."""
    import keras

    from tcn.layers import CausalConv1D

    layers = [CausalConv1D(filters, 2, dilation_rate=rate, activation="relu") for rate in dilations]
    return keras.Sequential([keras.Input((None, 1)), *layers, keras.layers.Dense(1)])


def compare(name: str, model: Any, batch: int, window: int, rounds: int) -> None:
    """Time the ways in turn, after checking that they agree."""
    import numpy as np
    import tensorflow as tf

    from tcn.streaming import Streaming

    series = np.random.default_rng(0).normal(size=(batch, max(window, REPEATS), 1)).astype("float32")
    stream = Streaming(model)
    _, state = stream.step(series[:, : window - 1], stream.initial_state(batch))
    last = series[:, :window]

    def steps() -> Any:
        here = state
        for t in range(REPEATS):
            outputs, here = stream.step(series[:, t], here)
            outputs = np.asarray(outputs)
        return outputs

    def recomputed(xla: bool) -> Callable[[], Any]:
        whole = tf.function(lambda x: model(x, training=False)[:, -1], jit_compile=xla, autograph=False)
        return lambda: whole(tf.constant(last)).numpy()

    first, _ = stream.step(series[:, window - 1], state)
    ways = {
        "step": steps,
        "XLA": recomputed(xla=True),
        "graph": recomputed(xla=False),
        "predict": lambda: model.predict(last, verbose=0),
    }
    assert np.allclose(first, ways["XLA"](), rtol=1e-3, atol=1e-4 * np.abs(first).max())
    seconds = in_turn(ways, rounds)
    step = seconds["step"] / REPEATS
    whole = min(seconds["XLA"], seconds["graph"])
    window = f"as fast as the window, compiled ({1e3 * whole:.1f} ms)"
    row(f"{name}: step", f"{1e3 * step:.2f} ms", whole / step, window)
    predict = seconds["predict"]
    row("", "", predict / step, f"as fast as Model.predict of the window ({1e3 * predict:.1f} ms)")


if __name__ == "__main__":
    main(wants_small(__doc__))
