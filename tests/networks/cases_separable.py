"""Separable blocks and stacks that the contract is checked for."""

from contract import Case

from tcn.layers.separable import SeparableBlock
from tcn.models.separable import SeparableTCN

CASES = [
    Case(
        "separable", lambda **kw: SeparableBlock(3, kernel_size=7, dilation_rate=2, dropout=0.1, seed=0, **kw)
    ),
    Case(
        "separable-wider",
        lambda **kw: SeparableBlock(5, kernel_size=4, expansion=3, normalization="batch", seed=1, **kw),
    ),
    Case(
        "separable-tcn",
        lambda **kw: SeparableTCN(8, depth=3, kernel_size=5, dilations=(1, 2), dropout=0.1, seed=0, **kw),
    ),
    Case(
        "separable-tcn-plain",
        lambda **kw: SeparableTCN(
            4, depth=2, kernel_size=5, normalization=None, activation="relu", seed=1, **kw
        ),
    ),
]
