"""Series as vectors of features, and which of them are alike."""

from typing import Any, NamedTuple

import numpy as np

from tcn.inspection.recording import Part, layers_by_path
from tcn.inspection.running import as_array, check_mask, check_sequences, pieces
from tcn.layers.checks import check_positive

__all__ = ["Neighbors", "embeddings", "nearest"]

_POOLINGS = ("average", "max", "last")
_METRICS = ("euclidean", "cosine")


class Neighbors(NamedTuple):
    """Nearest embeddings of each query, the nearest first.

    Attributes:
        rows: Where they are, `(queries, count)`.
        distances: How far they are, `(queries, count)`.

    Example:
        >>> from tcn.inspection import nearest
        >>> nearest([[0.0], [5.0]], query=[[4.0]], count=1).rows.tolist()
        [[1]]
    """

    rows: np.ndarray
    distances: np.ndarray


def embeddings(
    model: Any,
    inputs: Any,
    layer: str | None = None,
    pooling: str = "average",
    mask: Any = None,
    batch_size: int = 256,
) -> np.ndarray:
    """Compute a vector of features for each series: what a layer puts out, pooled over time.

    Args:
        model: A built model or layer of one input.
        inputs: `(batch, time, channels)` or `(batch, time)`.
        layer: Path of the layer, as in `layers_by_path`. By default the `backbone` of the model, or of one
            that it holds; the model itself if there is none.
        pooling: "average", "max" or "last", over the steps of an output `(batch, time, features)`. An output
            `(batch, features)` is taken as it is.
        mask: Boolean, `(batch, time)`, passed on to the model. Steps where it is False are not pooled.
        batch_size: Series that the model computes at once.

    Returns:
        `(batch, features)`.

    Raises:
        ValueError: If there is no such layer or pooling, the output has another shape, or a series has no
            observed step.

    Example:
        >>> import numpy as np
        >>> from tcn import TCN
        >>> from tcn.inspection import embeddings
        >>> network, x = TCN(8, return_sequences=True), np.ones((5, 100, 2))
        >>> network.build(x.shape)
        >>> embeddings(network, x).shape
        (5, 8)
    """
    if pooling not in _POOLINGS:
        raise ValueError(f"'pooling' must be one of {_POOLINGS}. Received: pooling={pooling!r}")
    x = check_sequences(inputs)
    observed = check_mask(mask, x)
    part = Part(model, _default_path(model) if layer is None else layer)
    found = []
    for rows in pieces(len(x), batch_size):
        seen = None if observed is None else observed[rows]
        found.append(_pooled(as_array(part(x[rows], seen)), pooling, seen, part.path))
    return np.concatenate(found)


def nearest(embeddings: Any, query: Any, count: int = 5, metric: str = "euclidean") -> Neighbors:
    """Find the embeddings that are nearest to some others, by comparing all.

    Args:
        embeddings: `(series, features)`.
        query: `(queries, features)`. One that is among the embeddings is its own nearest neighbor.
        count: Neighbors of each query; all embeddings where there are fewer.
        metric: "euclidean", or "cosine": 1 minus the cosine of the angle between two vectors, from 0 to 2.

    Returns:
        Rows and distances; of embeddings that are equally far the first ones.

    Raises:
        ValueError: If the shapes do not fit, a number is not finite, or a vector of zeros, which has no
            angle, is to be compared by its cosine.

    Example:
        >>> from tcn.inspection import nearest
        >>> found = nearest([[0.0, 0.0], [3.0, 4.0], [1.0, 0.0]], query=[[0.0, 0.0]], count=2)
        >>> found.rows.tolist(), found.distances.tolist()
        ([[0, 2]], [[0.0, 1.0]])
    """
    check_positive(count=count)
    if metric not in _METRICS:
        raise ValueError(f"'metric' must be one of {_METRICS}. Received: metric={metric!r}")
    points, queries = np.asarray(embeddings, "float64"), np.asarray(query, "float64")
    if points.ndim != 2 or queries.ndim != 2 or points.shape[1] != queries.shape[1]:
        raise ValueError(
            "Embeddings and queries must be (rows, features), of the same features. "
            f"Received: shapes {points.shape} and {queries.shape}; pass a single vector as query[None]."
        )
    if not (np.isfinite(points).all() and np.isfinite(queries).all()):
        raise ValueError("Embeddings and queries must be finite. Received: NaN or infinity.")
    if metric == "cosine":
        points, queries = _directions(points), _directions(queries)
    # One query at a time: exact also for vectors that nearly agree, and no array of all pairs times features.
    distances = np.array([_distances(points, row) for row in queries]).reshape(len(queries), len(points))
    if metric == "cosine":
        distances = distances**2 / 2
    rows = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return Neighbors(rows, np.take_along_axis(distances, rows, axis=1))


def _distances(points: np.ndarray, row: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.sqrt(((points - row) ** 2).sum(axis=1))
    return found


def _directions(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not lengths.all():
        raise ValueError(
            "A vector of zeros has no angle. Received: zeros in row "
            f"{int(np.flatnonzero(lengths[:, 0] == 0)[0])}; use metric='euclidean', or leave it out."
        )
    directions: np.ndarray = vectors / lengths
    return directions


def _default_path(model: Any) -> str:
    layers = layers_by_path(model)
    backbones = [layer.backbone for layer in layers.values() if hasattr(layer, "backbone")]
    chosen = backbones[0] if backbones else model
    return next(path for path, layer in layers.items() if layer is chosen)


def _pooled(output: np.ndarray, pooling: str, mask: np.ndarray | None, path: str) -> np.ndarray:
    if output.ndim == 2:
        return output
    pooled: np.ndarray
    steps = output.shape[1] if output.ndim == 3 else None
    if steps is None or (mask is not None and mask.shape[1] != steps):
        raise ValueError(
            "The layer must have an output (batch, features), or (batch, time, features) with a step for "
            f"each of the mask. Received: layer={path!r} with outputs of shape {output.shape}"
        )
    seen = np.ones(output.shape[:2], bool) if mask is None else mask
    if not seen.any(axis=1).all():
        raise ValueError(
            "Every series must have an observed step. Received: a mask without any for the series in row "
            f"{int(np.flatnonzero(~seen.any(axis=1))[0])} of its batch"
        )
    if pooling == "last":
        last = steps - 1 - seen[:, ::-1].argmax(axis=1)
        pooled = output[np.arange(len(output)), last]
    elif pooling == "max":
        pooled = np.where(seen[..., None], output, -np.inf).max(axis=1)
    else:
        total = np.where(seen[..., None], output, 0).sum(axis=1, dtype="float64")
        pooled = total / seen.sum(axis=1, keepdims=True)
    return pooled.astype(output.dtype)
