"""Inception blocks and stacks that the contract is checked for."""

from contract import Case

from tcn.layers.inception import InceptionBlock
from tcn.models.inception_time import InceptionTime


def block(**arguments):
    return InceptionBlock(3, kernel_sizes=(2, 5), bottleneck=2, seed=0, **arguments)


# GELU in the narrow stacks: one of two ReLU channels may happen to be dead.
CASES = [
    Case("inception", lambda **kw: block(dilation_rate=2, normalization="layer", **kw)),
    Case("inception-batch", lambda **kw: block(activation="gelu", **kw)),
    Case("inception-plain", lambda **kw: InceptionBlock(3, (1, 4), None, normalization=None, seed=1, **kw)),
    Case("inception-centered", lambda **kw: block(padding="same", **kw), causal=False, hop=None),
    Case(
        "inception-time",
        lambda **kw: InceptionTime(
            2, depth=4, kernel_sizes=(2, 4), bottleneck=2, dilations=(1, 2), activation="gelu", seed=0, **kw
        ),
    ),
    Case(
        "inception-time-centered",
        lambda **kw: InceptionTime(
            2, 3, (3, 4), bottleneck=4, padding="same", normalization="layer", activation="gelu", seed=1, **kw
        ),
        causal=False,
        hop=None,
    ),
]
