"""What compiled steps gather their chunks from: a whole table, or the rows that a block of steps needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.network.chunks import ChunkGatherer
from pipelines.network.gather import DeviceTable
from pipelines.plan import Plan
from pipelines.windows import SeriesTable, StoredTable

Ints = npt.NDArray[np.int32]

# Rows that are read from a file for a block of steps.
_MOST_ROWS: Final = 2**21


class Feed(Protocol):
    """Rows for blocks of training steps, all blocks of one shape."""

    def steps(self, wished: int, chunks: int) -> int:
        """Steps in a block: so many that a whole number of blocks makes those that are wished for.

        Args:
            wished: Number of steps.
            chunks: Chunks of a step.

        Returns:
            Number of steps.
        """

    def block(self, series: Ints, newest: Ints) -> tuple[dict[str, Any], Ints, Ints]:
        """Read what some chunks need.

        Args:
            series: Positions of series, of any shape.
            newest: Rows of the newest origins.

        Returns:
            Arrays for ``gatherer``, and positions and rows in them.
        """

    def gatherer(self, rows: dict[str, Any]) -> ChunkGatherer:
        """Return what gathers chunks, inside of a compiled step.

        Args:
            rows: Tensors of what ``block`` gave.

        Returns:
            The gatherer.
        """


def feed_of(table: SeriesTable, plan: Plan, context: int) -> Feed:
    """Make the feed that a table asks for.

    Args:
        table: The series.
        plan: Sizes of chunks.
        context: Rows before an origin that its forecast depends on.

    Returns:
        The feed.
    """
    if isinstance(table, StoredTable):
        return StoredFeed(table, plan, context)
    return WholeFeed(ChunkGatherer.of(table, plan, context))


@dataclass(frozen=True)
class WholeFeed:
    """A table that is copied to the device once; see ``Feed``.

    Attributes:
        whole: Gathers from all of its rows.
    """

    whole: ChunkGatherer

    def steps(self, wished: int, chunks: int) -> int:
        """All steps are one block."""
        return wished

    def block(self, series: Ints, newest: Ints) -> tuple[dict[str, Any], Ints, Ints]:
        """Nothing is to be read."""
        return {}, series, newest

    def gatherer(self, rows: dict[str, Any]) -> ChunkGatherer:
        """The same for all blocks."""
        return self.whole


@dataclass(frozen=True)
class StoredFeed:
    """A table on disk; see ``Feed``. Each chunk is given as a short series of its own.

    Attributes:
        table: The series.
        plan: Sizes of chunks.
        context: Rows before an origin that its forecast depends on.
    """

    table: StoredTable
    plan: Plan
    context: int

    @property
    def rows_of_chunk(self) -> int:
        """Rows that a chunk is made of: its origins, what they look back on, and their horizon."""
        return self.context + self.plan.origins_per_chunk + self.plan.horizon

    def steps(self, wished: int, chunks: int) -> int:
        """As many as ``_MOST_ROWS`` are enough for, one at least."""
        most = max(_MOST_ROWS // (chunks * self.rows_of_chunk), 1)
        return max(steps for steps in range(1, min(most, wished) + 1) if wished % steps == 0)

    def block(self, series: Ints, newest: Ints) -> tuple[dict[str, Any], Ints, Ints]:
        """Read the rows around each chunk."""
        table, count = self.table, self.rows_of_chunk
        which, last = series.ravel(), newest.ravel().astype(np.int64)
        first = last + 1 - self.context - self.plan.origins_per_chunk
        place = np.arange(len(which)) * count
        moved = place - first
        rows: dict[str, Any] = {
            **table.around(first, count),
            "begin": np.maximum(table.indptr[which], first) + moved,
            "end": np.minimum(table.indptr[which + 1], first + count) + moved,
            # Where it lies outside of the chunk, how far away it is does not matter.
            "first": np.clip((table.indptr[:-1] + table.first_origin)[which] - first, 0, count) + place,
        }
        rows = {n: v.astype(np.int32) if v.dtype == np.int64 else v for n, v in rows.items()}
        rows |= {"offset": table.offset[which], "weight": table.weight[which]}
        positions = np.arange(len(which), dtype=np.int32).reshape(series.shape)
        return rows, positions, (last + moved).astype(np.int32).reshape(series.shape)

    def gatherer(self, rows: dict[str, Any]) -> ChunkGatherer:
        """Gather from the rows of a block."""
        rows = {**rows}
        own = {name: rows.pop(name) for name in ("first", "weight", "era")}
        silent = rows.pop("silent", None)
        return ChunkGatherer(
            device=DeviceTable(**rows),
            **own,
            silent=silent,
            held_out=tf.constant(self.table.held_out(self.plan.members), tf.int32),
            context=self.context,
            origins=self.plan.origins_per_chunk,
            horizon=self.plan.horizon,
            difference=self.plan.difference,
        )
