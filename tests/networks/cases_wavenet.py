"""The WaveNet family that the contract is checked for."""

from contract import Case

from tcn.layers.gated import GatedBlock
from tcn.models.autoregressive import AutoregressiveWaveNet
from tcn.models.wavenet import WaveNet


def classes(rng, *shape):
    """Whole numbers that JAX takes gradients for."""
    return rng.integers(5, size=shape).astype("float32")


CASES = [
    Case("gated", lambda **kw: GatedBlock(4, 3, 2, skip_filters=5, **kw)),
    Case("gated-last", lambda **kw: GatedBlock(4, dropout=0.2, use_residual=False, seed=0, **kw)),
    Case("wavenet", lambda **kw: WaveNet(4, dilations=(1, 2, 4), cycles=2, output_filters=2, **kw)),
    Case(
        "wavenet-skips",
        lambda **kw: WaveNet(4, 3, (2, 1), skip_filters=6, dropout=0.2, weight_norm=True, seed=0, **kw),
    ),
    # Its outputs depend on earlier inputs only: test_autoregressive.py holds it to that, which is more.
    Case(
        "autoregressive",
        lambda **kw: AutoregressiveWaveNet(5, filters=4, dilations=(1, 2, 4), seed=0, **kw),
        channels=1,
        causal=False,
        inputs=classes,
    ),
]
