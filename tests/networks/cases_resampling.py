"""Pooling, resampling, fixed kernels and the multi-rate model that the contract is checked for."""

import numpy as np
from contract import Case

from tcn.layers.causal import CausalConv1D
from tcn.layers.fixed import (
    Difference,
    DifferenceKernel,
    ExponentialSmoothing,
    FixedKernel1D,
    IdentityKernel,
    MovingAverage,
    MovingAverageKernel,
    SeasonalDifference,
    SeasonalDifferenceKernel,
)
from tcn.layers.pooling import CausalAveragePooling1D, CausalMaxPooling1D
from tcn.layers.resampling import CausalDownsampling1D, CausalUpsampling1D
from tcn.models.multirate import MultiRateTCN


def rising(rng, batch, steps, channels):
    """Series whose last step is likely to be the largest."""
    return (rng.normal(size=(batch, steps, channels)) + np.arange(steps)[:, None]).astype("float32")


def started(kernel):
    """A convolution that starts from a known kernel."""
    return lambda **kw: CausalConv1D(4, 6, kernel_initializer=kernel, **kw)


CASES = [
    Case("pool-max", lambda **kw: CausalMaxPooling1D(5, **kw), trains=False),
    Case("pool-max-so-far", lambda **kw: CausalMaxPooling1D(**kw), trains=False, steps=40, inputs=rising),
    Case("pool-average", lambda **kw: CausalAveragePooling1D(6, **kw), trains=False),
    Case("pool-average-so-far", lambda **kw: CausalAveragePooling1D(**kw), trains=False, steps=40),
    Case("downsampling", lambda **kw: CausalDownsampling1D(4, 3, kernel_size=7, **kw), kind="other"),
    Case("upsampling", lambda **kw: CausalUpsampling1D(4, 3, kernel_size=7, **kw), kind="other"),
    Case("fixed-kernel", lambda **kw: FixedKernel1D([-1.0, 0.0, 1.0], 2, **kw), trains=False),
    Case("moving-average", lambda **kw: MovingAverage(5, trainable=True, **kw)),
    Case("exponential-smoothing", lambda **kw: ExponentialSmoothing(0.4, **kw), trains=False),
    Case("difference", lambda **kw: Difference(2, **kw), trains=False),
    Case("seasonal-difference", lambda **kw: SeasonalDifference(5, trainable=True, **kw)),
    Case("identity-kernel", started(IdentityKernel())),
    Case("moving-average-kernel", started(MovingAverageKernel())),
    Case("difference-kernel", started(DifferenceKernel(2))),
    Case("seasonal-difference-kernel", started(SeasonalDifferenceKernel(4))),
    Case(
        "multirate",
        lambda **kw: MultiRateTCN(4, (2, 2), 2, (1, 2), activation="elu", dropout=0.2, seed=0, **kw),
        steps=40,
        hop=4,
    ),
    Case(
        "multirate-concatenate",
        lambda **kw: MultiRateTCN(
            4, (3,), 2, (1,), merge="concatenate", normalization="weight", activation="elu", seed=0, **kw
        ),
        hop=3,
    ),
]
