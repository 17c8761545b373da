"""What the units of a forking network's stack compute, at every step of long sequences."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tcn.inspection.origins import added_by_blocks
from tcn.inspection.recording import recorded
from tcn.inspection.running import as_array
from tcn.models.forking import ForkingTCN
from tcn.receptive_field import receptive_field

__all__ = ["BlockUnits", "block_units"]


class BlockUnits(NamedTuple):
    """Units of one block of a stack.

    Attributes:
        dilation: Dilation rate of the block.
        field: Steps that its units see, the present one included.
        values: What each unit adds at the newest steps, `(members, batch, steps, units)`.

    Example:
        >>> import numpy as np
        >>> from tcn.models import ForkingTCN
        >>> network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=4, dilations=(1, 2))
        >>> network.build((None, None, 5))
        >>> from tcn.inspection import block_units
        >>> block_units(network, np.ones((1, network.context + 20, 5), "float32"))[1].dilation
        2
    """

    dilation: int
    field: int
    values: np.ndarray


def block_units(network: ForkingTCN, inputs: Any) -> tuple[BlockUnits, ...]:
    """Compute what each block of the stack adds, at every step that has its whole context.

    The stack runs once over all steps; windows, heads and what is known ahead are not computed.

    Args:
        network: A built network.
        inputs: `(batch, time, 5 + past_channels)`, as for `ForkingTCN`, longer than its `context`.

    Returns:
        The units of each block, in the order of the blocks, for the last `time - context` steps.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import block_units
        >>> from tcn.models import ForkingTCN
        >>> network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=4, dilations=(1, 2), filters=8)
        >>> network.build((None, None, 5))
        >>> found = block_units(network, np.ones((1, network.context + 20, 5), "float32"))
        >>> [(block.dilation, block.values.shape) for block in found]
        [(1, (1, 1, 20, 8)), (2, (1, 1, 20, 8))]
    """
    x = ops.convert_to_tensor(inputs)[None]
    x = ops.repeat(x, network.members, axis=0)  # each member may see them in its own way
    steps = x.shape[2] - network.context
    rows = [x[..., i] for i in (0, 1, 2, 4)]
    observed = rows[1]
    if network.fill_gaps:
        rows[1] = ops.where(rows[3] > 0.0, ops.ones_like(observed), observed)
    layers = {"stem": network.stem} | {f"block {i}": block for i, block in enumerate(network.blocks)}
    with recorded(layers) as calls:
        network._stack(rows, observed, x[..., 5:], 1)
    return tuple(
        BlockUnits(
            dilation=rate,
            field=network.positions.context
            + receptive_field(network.kernel_size, network.dilations[: i + 1]),
            values=as_array(added[..., -steps:, :]),
        )
        for i, (rate, added) in enumerate(
            zip(network.dilations, added_by_blocks(network, calls), strict=True)
        )
    )
