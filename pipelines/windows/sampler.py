"""Drawing chunks of origins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.windows.table import SeriesTable

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class ChunkSampler:
    """Draws chunks of consecutive origins; every origin of a series is drawn equally often.

    Series are drawn in proportion to the root of their number of origins, so that long ones teach more
    without drowning the short ones.
    """

    table: SeriesTable
    origins_per_chunk: int

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
        """Draw series and newest origin of as many chunks.

        Args:
            rng: Source of randomness.
            shape: Shape of the result.

        Returns:
            Positions of series, and rows of the newest origin. A newest origin may lie past the end of its
            series: such a chunk holds fewer origins, and without it the last ones would be drawn too rarely.
        """
        origins = self.table.origins
        odds = np.sqrt(origins)
        edges = np.cumsum(odds / odds.sum())
        edges[-1] = 1.0
        series = np.searchsorted(edges, rng.random(shape), side="right")
        span = origins[series] + self.origins_per_chunk - 1
        first = self.table.indptr[series] + self.table.first_origin[series]
        newest = first + np.floor(rng.random(shape) * span).astype(np.int64)
        return series.astype(np.int32), newest.astype(np.int32)
