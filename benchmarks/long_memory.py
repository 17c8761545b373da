"""What the receptive field is for: a value of 400 steps ago, wanted by two WaveNets of equal size.

The input is white noise, the target is the input of 400 steps before: nothing else tells it. Both networks
have ten gated blocks and the same number of weights. Dilations 1, 2, 4, ..., 512 see 1,025 steps, dilations 1
to 16 gone through twice see 64. Trained and tested on noise that is made as they need it; the mean squared
error of a forecast of 0, chance, is the variance of the noise: 1.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from _timing import row, wants_small


def main(small: bool) -> None:
    """Train both networks and print their errors."""
    lag, steps, length, depth = (4, 3, 32, 2) if small else (400, 300, 2048, 10)
    far = tuple(2**i for i in range(depth))
    near = far[: depth // 2]
    print(f"target: the input of {lag} steps ago; {steps} batches of 4 chunks of {length} steps")
    row("chance", "error 1.0000")
    for seed in (0,) if small else (0, 1, 2):
        errors = {}
        for dilations, cycles in ((far, 1), (near, 2)):
            field, weights, error, seconds = trained(dilations, cycles, lag, steps, length, seed)
            errors[field] = error
            name = f"field {field:,}, {weights:,} weights, seed {seed}, {seconds:.0f} s"
            row(name, f"error {error:.4f}", error, "chance")


def trained(
    dilations: tuple[int, ...], cycles: int, lag: int, steps: int, length: int, seed: int
) -> tuple[int, int, float, float]:
    """Receptive field, number of weights, error on other noise, and seconds of training."""
    import keras

    from tcn import WaveNet

    network = WaveNet(16, dilations=dilations, cycles=cycles, output_filters=1, seed=seed)
    inputs = keras.Input((None, 1))
    # The first steps have no target.
    model = keras.Model(inputs, network(inputs)[:, lag:])
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), loss="mse")
    began = time.perf_counter()
    model.fit(noise(lag, length, seed), steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
    seconds = time.perf_counter() - began
    error = model.evaluate(noise(lag, length, seed + 1000), steps=8, verbose=0)
    return network.receptive_field, model.count_params(), error, seconds


def noise(lag: int, length: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Batches of white noise, and the same a lag later."""
    rng = np.random.default_rng(seed)
    while True:
        x = rng.normal(size=(4, lag + length, 1)).astype("float32")
        yield x, x[:, :-lag]


if __name__ == "__main__":
    main(wants_small(__doc__))
