"""Pooling, resampling, fixed kernels and the multi-rate model that the contract is checked for."""

import numpy as np
from contract import Case

from tcn.layers.pooling import CausalAveragePooling1D, CausalMaxPooling1D
from tcn.layers.resampling import CausalDownsampling1D, CausalUpsampling1D


def rising(rng, batch, steps, channels):
    """Series whose last step is likely to be the largest."""
    return (rng.normal(size=(batch, steps, channels)) + np.arange(steps)[:, None]).astype("float32")


CASES = [
    Case("pool-max", lambda **kw: CausalMaxPooling1D(5, **kw), trains=False),
    Case("pool-max-so-far", lambda **kw: CausalMaxPooling1D(**kw), trains=False, steps=40, inputs=rising),
    Case("pool-average", lambda **kw: CausalAveragePooling1D(6, **kw), trains=False),
    Case("pool-average-so-far", lambda **kw: CausalAveragePooling1D(**kw), trains=False, steps=40),
    Case("downsampling", lambda **kw: CausalDownsampling1D(4, 3, kernel_size=7, **kw), kind="other"),
    Case("upsampling", lambda **kw: CausalUpsampling1D(4, 3, kernel_size=7, **kw), kind="other"),
]
