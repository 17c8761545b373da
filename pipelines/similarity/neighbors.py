"""Which series are most alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from pipelines.errors import ConfigError
from pipelines.similarity.embedding import Embeddings

if TYPE_CHECKING:
    import pandas as pd

_METRICS: Final = ("cosine", "euclidean")


def neighbors(
    embeddings: Embeddings, new: Embeddings | None = None, count: int = 5, metric: str = "cosine"
) -> pd.DataFrame:
    """Find the series that are most like each.

    Args:
        embeddings: The series to find neighbors among.
        new: Other series, whose neighbors are wanted; None for those of the same.
        count: Neighbors of each series; all others where there are fewer.
        metric: "cosine", 1 minus the cosine of the angle between two vectors, from 0 to 2; or "euclidean".

    Returns:
        Columns ``unique_id``, ``neighbor``, ``rank`` from 1 on, and ``distance``, sorted by series and
        rank. A series is no neighbor of one with the same id; of equally near ones the first id comes first.

    Raises:
        ConfigError: If a number or metric is not allowed, vectors are of different lengths, or there is no
            other series.

    Example:
        >>> vectors = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
        >>> neighbors(Embeddings(np.array(["A", "B", "C"], object), vectors), count=1).round(3)
          unique_id neighbor  rank  distance
        0         A        B     1       0.2
        1         B        A     1       0.2
        2         C        B     1       0.4
    """
    import pandas as pd
    from sklearn.neighbors import NearestNeighbors

    queries = embeddings if new is None else new
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigError(f"count must be a positive integer. Received: {count!r}.")
    if metric not in _METRICS:
        raise ConfigError(f"metric must be one of {', '.join(map(repr, _METRICS))}. Received: {metric!r}.")
    if embeddings.vectors.shape[1] != queries.vectors.shape[1]:
        raise ConfigError(
            "Series must be embedded by the same network to be compared. Received: vectors of "
            f"{embeddings.vectors.shape[1]} and {queries.vectors.shape[1]} features."
        )
    points, wanted = (each.vectors.astype(np.float64) for each in (embeddings, queries))
    # One more than asked for, in the place of the series itself.
    index = NearestNeighbors(n_neighbors=min(count + 1, len(points)), metric=metric, algorithm="brute")
    distance, row = index.fit(points).kneighbors(wanted)
    names = pd.Index([str(name) for name in embeddings.ids.tolist()])
    own = names.get_indexer([str(name) for name in queries.ids.tolist()])
    distance, row = _in_order(distance, row, own, count)
    if not np.isfinite(distance).any():
        raise ConfigError("A series must have another one to be like. Received: a single one; embed more.")
    owner, rank = np.nonzero(np.isfinite(distance))
    return pd.DataFrame(
        {
            embeddings.id_col: pd.Series(queries.ids).take(owner).reset_index(drop=True),
            "neighbor": pd.Series(embeddings.ids).take(row[owner, rank]).reset_index(drop=True),
            "rank": rank + 1,
            "distance": np.maximum(distance[owner, rank], 0.0),
        }
    )


def _in_order(
    distance: npt.NDArray[np.float64], row: npt.NDArray[np.int64], own: npt.NDArray[np.int64], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The nearest ``count``, equally near ones by position, the series itself last and infinitely far."""
    distance = np.where(row == own[:, None], np.inf, distance)
    order = np.lexsort((row, distance), axis=-1)[:, :count]
    return np.take_along_axis(distance, order, axis=1), np.take_along_axis(row, order, axis=1)
