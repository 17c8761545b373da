"""What a network reads first: the filters of its paths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tcn.inspection import Filters, first_layer_filters
from tcn.models import ForkingTCN


def first_filters(network: ForkingTCN, member: int = 0) -> dict[str, Filters]:
    """Kernels of the paths into a network.

    Args:
        network: The network.
        member: Whose kernels.

    Returns:
        "seasons", the linear map of the window to each step ahead, a filter each; "look-back", the kernel
        over the whole window, of the values and whether they were observed; and "stack", what the first block
        of the stack reads of its channels (see ``channels_of_stack``): its convolution with the 1x1 layer
        before it, gates left out.
    """
    block = network.blocks[0]
    conv = np.asarray(block.conv.kernel)[member].reshape(network.kernel_size, network.filters, -1)
    conv = conv[..., : network.filters]
    if network.architecture == "tcn":
        conv = conv * np.asarray(block.norm.gain)[member].reshape(-1, 1)
    kernel = np.einsum("cf,kfu->kcu", np.asarray(network.stem.kernel)[member], conv)
    return {
        "seasons": Filters("seasons", np.asarray(network.seasons)[member][:, None], 1),
        "look-back": first_layer_filters(network, member),
        "stack": Filters("stem, block_0/conv", kernel, network.dilations[0]),
    }


def channels_of_stack(network: ForkingTCN, past: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the channels that the dilated stack reads.

    Args:
        network: The network.
        past: Names of the past channels of covariates.

    Returns:
        A name for each channel.
    """
    seasons = (network.season_length, *network.further_seasons)
    changes = (f"change since {season} steps before" for season in seasons)
    return ("distance from the recent mean", "change", *changes, "observed", *past)
