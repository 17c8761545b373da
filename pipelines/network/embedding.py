"""What a network makes of the newest rows of series, as vectors."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.network.gather import DeviceTable
from pipelines.windows import SeriesTable
from tcn.inspection import origin_embeddings
from tcn.models import ForkingTCN

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Floats that the windows of one call may hold.
_BUDGET: Final = 4_000_000


def embed_series(
    network: ForkingTCN,
    table: SeriesTable,
    series: Ints,
    count: int,
    stride: int,
    counts: npt.NDArray[np.bool_],
) -> Floats:
    """Average the last features of a network over the newest origins of series.

    Args:
        network: The network.
        table: The series.
        series: ``(runs,)`` positions of series.
        count: Origins of each.
        stride: Rows from one origin to the next.
        counts: ``(runs, count)`` whether an origin counts, oldest first; one of each series at least.

    Returns:
        ``(runs, features)``.
    """
    device = DeviceTable.from_table(table)
    newest = (table.indptr[1:] - 1)[series].astype(np.int32)
    some = max(1, _BUDGET // (2 * count * network.lookback * network.members))
    found = []
    for i in range(0, len(series), some):
        which, last = series[i : i + some].astype(np.int32), newest[i : i + some]
        before = (count - 1) * stride
        inputs, _ = device.chunk(tf.constant(which), tf.constant(last), network.context + before + 1, 0)
        known = {name: values[None] for name, values in device.features(which, last, before).items()}
        features = origin_embeddings(network, inputs[None], **known, stride=stride)
        weights = counts[i : i + some, :, None] / counts[i : i + some].sum(axis=1)[:, None, None]
        found.append((features * weights).sum(axis=1, dtype=np.float64).astype(np.float32))
    return np.concatenate(found)
