"""Classes for real values and back: mu-law companding, and bins with given edges.

A missing value, NaN, belongs to class -1, and class -1 stands for NaN.
"""

from typing import Any

import numpy as np
from keras import ops

from tcn.layers.checks import check_positive

__all__ = ["bin_decode", "bin_encode", "mu_law_decode", "mu_law_encode", "quantile_edges", "uniform_edges"]

Tensor = Any


def mu_law_encode(values: Tensor, classes: int = 256) -> Tensor:
    """Class of each value in [-1, 1], with classes the narrower the nearer to 0.

    `f(x) = sign(x) ln(1 + μ |x|) / ln(1 + μ)` with `μ = classes - 1`; the class is `μ (f + 1) / 2`, rounded.

    Args:
        values: Of any shape; what lies outside [-1, 1] counts as -1 or 1, so scale a series first.
        classes: How many, at least 2.

    Returns:
        Integers from 0 to `classes - 1`, or -1 for NaN, of the shape of `values`.

    Raises:
        ValueError: If `classes` is not an integer of at least 2.

    Example:
        >>> import numpy as np
        >>> from tcn.mu_law import mu_law_encode
        >>> np.asarray(mu_law_encode([-1.0, 0.0, 0.1, 1.0])).tolist()
        [0, 128, 203, 255]

    Reference:
        ITU-T Recommendation G.711; van den Oord et al. (2016), WaveNet, section 2.2.
    """
    mu = _mu(classes)
    x = ops.cast(values, "float32")
    bounded = ops.clip(ops.where(ops.isnan(x), ops.zeros_like(x), x), -1.0, 1.0)
    companded = ops.sign(bounded) * ops.log1p(mu * ops.abs(bounded)) / np.log1p(mu)
    nearest = ops.cast(ops.floor((companded + 1.0) / 2.0 * mu + 0.5), "int32")
    return ops.where(ops.isnan(x), -ops.ones_like(nearest), nearest)


def mu_law_decode(indices: Tensor, classes: int = 256) -> Tensor:
    """Value that a class stands for: the middle of the class, companded.

    `x = sign(f) ((1 + μ)^|f| - 1) / μ` with `f = 2 · class / μ - 1`. Encoding it gives the class again.

    Args:
        indices: Integers from 0 to `classes - 1`, or -1, of any shape.
        classes: How many there are.

    Returns:
        Float32 from -1 to 1, or NaN for -1, of the shape of `indices`.

    Raises:
        ValueError: If `classes` is not an integer of at least 2.

    Example:
        >>> from tcn.mu_law import mu_law_decode
        >>> [round(float(value), 3) for value in mu_law_decode([0, 203, 255])]
        [-1.0, 0.101, 1.0]
    """
    mu = _mu(classes)
    companded = 2.0 * np.arange(classes) / mu - 1.0
    return _looked_up(indices, np.sign(companded) * np.expm1(np.abs(companded) * np.log1p(mu)) / mu)


def uniform_edges(low: float, high: float, classes: int) -> np.ndarray:
    """Edges of bins of equal width.

    Args:
        low: Lowest edge.
        high: Highest edge.
        classes: Number of bins.

    Returns:
        `(classes + 1,)`, increasing.

    Raises:
        ValueError: If `classes` is not a positive integer, or `low` not below `high`.

    Example:
        >>> from tcn.mu_law import uniform_edges
        >>> uniform_edges(0.0, 10.0, 4).tolist()
        [0.0, 2.5, 5.0, 7.5, 10.0]
    """
    check_positive(classes=classes)
    if not low < high:
        raise ValueError(f"'low' must be below 'high'. Received: low={low}, high={high}")
    return np.linspace(low, high, classes + 1)


def quantile_edges(values: Any, classes: int) -> np.ndarray:
    """Edges of bins that hold equally many of some values.

    Args:
        values: Of any shape; NaN is left out.
        classes: Number of bins, at most; fewer where values repeat so often that edges coincide.

    Returns:
        `(bins + 1,)`, increasing, from the smallest value to the largest.

    Raises:
        ValueError: If `classes` is not a positive integer, or fewer than two different values are there.

    Example:
        >>> from tcn.mu_law import quantile_edges
        >>> quantile_edges([1.0, 2.0, 3.0, 4.0, 100.0], 2).tolist()
        [1.0, 3.0, 100.0]
    """
    check_positive(classes=classes)
    numbers = np.asarray(values, "float64")
    numbers = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(numbers, np.linspace(0.0, 1.0, classes + 1))) if numbers.size else numbers
    if len(edges) < 2:
        raise ValueError(f"'values' must hold at least two different numbers. Received: {len(edges)}")
    return edges


def bin_encode(values: Tensor, edges: Any) -> Tensor:
    """Bin that each value lies in.

    Args:
        values: Of any shape; values beyond the edges belong to the first or the last bin.
        edges: `(bins + 1,)`, increasing; a value on an edge belongs to the bin above.

    Returns:
        Integers from 0 to `bins - 1`, or -1 for NaN, of the shape of `values`.

    Raises:
        ValueError: If `edges` do not increase.

    Example:
        >>> import numpy as np
        >>> from tcn.mu_law import bin_encode
        >>> np.asarray(bin_encode([-1.0, 0.2, 0.5, 7.0], [0.0, 0.5, 1.0])).tolist()
        [0, 0, 1, 1]
    """
    x = ops.cast(values, "float32")
    missing = ops.isnan(x)
    found = ops.digitize(ops.where(missing, ops.zeros_like(x), x), _increasing(edges)[1:-1])
    found = ops.cast(found, "int32")
    return ops.where(missing, -ops.ones_like(found), found)


def bin_decode(indices: Tensor, edges: Any) -> Tensor:
    """Middle of each bin.

    Args:
        indices: Integers from 0 to `bins - 1`, or -1, of any shape.
        edges: `(bins + 1,)`, increasing.

    Returns:
        Float32, NaN for -1, of the shape of `indices`.

    Raises:
        ValueError: If `edges` do not increase.

    Example:
        >>> import numpy as np
        >>> from tcn.mu_law import bin_decode
        >>> np.asarray(bin_decode([0, 1], [0.0, 0.5, 1.0])).tolist()
        [0.25, 0.75]
    """
    edges = _increasing(edges)
    return _looked_up(indices, (edges[1:] + edges[:-1]) / 2)


def _looked_up(indices: Tensor, values: np.ndarray) -> Tensor:
    """Values by their index, NaN for -1; exact on every backend, and so is what a model reads."""
    index = ops.cast(indices, "int32")
    found = ops.take(ops.convert_to_tensor(values, "float32"), ops.maximum(index, 0), axis=0)
    return ops.where(index < 0, np.nan, found)


def _mu(classes: object) -> float:
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
        raise ValueError(f"'classes' must be an integer of at least 2. Received: classes={classes!r}")
    return float(classes - 1)


def _increasing(edges: Any) -> np.ndarray:
    numbers: np.ndarray = np.asarray(edges, "float32")
    if numbers.ndim != 1 or len(numbers) < 2 or not (np.diff(numbers) > 0).all():
        raise ValueError(
            f"'edges' must be two or more numbers that increase, in float32 too. Received: {numbers.tolist()}"
        )
    return numbers
