"""Residual blocks and TCNs that the contract is checked for."""

from contract import Case

from tcn.layers.residual import ResidualBlock
from tcn.models.bidirectional import BidirectionalTCN
from tcn.models.tcn import TCN


def block(**arguments):
    return ResidualBlock(4, kernel_size=2, dilation_rate=2, **arguments)


def tcn(filters=4, **arguments):
    return TCN(filters, kernel_size=2, dilations=(1, 2), **arguments)


SEQUENCES = {"return_sequences": True}
SAME = {"causal": False, "hop": None}

CASES = [
    Case("residual", lambda **kw: block(normalization="weight", dropout=0.2, seed=1, **kw)),
    Case("residual-batch", lambda **kw: block(normalization="batch", return_skip=True, **kw), channels=4),
    Case("residual-same", lambda **kw: block(padding="same", activation="tanh", **kw), **SAME),
    Case("tcn", lambda **kw: tcn(nb_stacks=2, use_weight_norm=True, **SEQUENCES, **kw)),
    Case("tcn-growing", lambda **kw: tcn([4, 6], use_skip_connections=False, **SEQUENCES, **kw)),
    Case("tcn-same", lambda **kw: tcn(padding="same", use_layer_norm=True, **SEQUENCES, **kw), **SAME),
    Case("tcn-backwards", lambda **kw: tcn(go_backwards=True, **SEQUENCES, **kw), kind="other", **SAME),
    Case("tcn-last", lambda **kw: tcn(use_batch_norm=True, activation="tanh", **kw), kind="pooled"),
    Case("tcn-middle", lambda **kw: tcn(padding="same", **kw), kind="pooled", **SAME),
    Case("tcn-state", lambda **kw: tcn(return_state=True, **SEQUENCES, **kw), kind="other"),
    Case("bidirectional", lambda **kw: BidirectionalTCN(tcn(**SEQUENCES, **kw), **kw), **SAME),
    Case("bidirectional-sum", lambda **kw: BidirectionalTCN(tcn(**kw), "sum", **kw), kind="pooled", **SAME),
]
