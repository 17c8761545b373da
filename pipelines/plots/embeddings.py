"""A map of series: those that a network takes for alike lie close to each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from pipelines.plots.arrays import numbers
from pipelines.plots.panels import ROLES, SEQUENTIAL
from pipelines.plots.style import LIGHT, new_figure, plain

_EXACT: Final = 500
_SYMBOLS: Final = ("circle", "diamond", "square", "cross", "x", "star")


def embedding_map(
    embeddings: Any,
    labels: Sequence[Any] | None = None,
    names: Sequence[Any] | None = None,
    *,
    values: Sequence[float] | None = None,
    value_name: str = "value",
    neighbors: int = 3,
    perplexity: float | None = None,
    seed: int = 0,
    title: str | None = None,
) -> go.Figure:
    """Draw embeddings in the plane by t-SNE: neighbors stay neighbors, distances between groups mean little.

    Args:
        embeddings: `(series, features)`, as ``tcn.inspection.embeddings`` returns them.
        labels: Of each series, for its color; all have one by default.
        names: Of each series, for the hover text; the number of its row by default.
        values: Of each series, for its color on a scale, in the place of labels; those that are NaN are gray
            rings. The scale ends at the 5 % smallest and largest.
        value_name: What the values are.
        neighbors: How many of the nearest embeddings the hover text names, by the distance between
            embeddings, not on the map.
        perplexity: Neighbors that a series is weighed against, below the number of series; by default 30, or
            a third of the series where they are few.
        seed: Integer that fixes the map.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with one trace for each label, in the order in which labels first appear; with values one for
        them and one for what has none.

    Raises:
        ValueError: The embeddings have other axes, are not finite, fewer than three or all the same; labels,
            names or values are of another number, or there are both labels and values; a number is out of
            range.

    Example:
        >>> features = np.random.default_rng(0).normal(size=(8, 3)) + [[0, 0, 0], [9, 9, 9]] * 4
        >>> figure = embedding_map(features, labels=["slow", "fast"] * 4)
        >>> [(trace.name, len(trace.x)) for trace in figure.data]
        [('slow', 4), ('fast', 4)]

    Reference:
        van der Maaten & Hinton (2008), Visualizing Data using t-SNE.
    """
    # scikit-learn takes a second to import.
    from sklearn.neighbors import NearestNeighbors

    points = numbers("embeddings", embeddings, "(series, features)")
    count = len(points)
    if count < 3 or (points == points[0]).all():
        raise ValueError(
            f"A map needs three embeddings or more that are not all the same. Received: {count}"
            f"{', all the same' if count > 2 else ''}; embed more series."
        )
    if labels is not None and values is not None:
        raise ValueError("Series are colored by labels or by values. Received: both; leave one out.")
    groups = _one_each("labels", [""] * count if labels is None else labels, count)
    shown = _one_each("names", range(count) if names is None else names, count)
    perplexity = min(30.0, count / 3) if perplexity is None else perplexity
    if not 0 < perplexity < count or not 0 < neighbors < count:
        raise ValueError(
            f"'perplexity' and 'neighbors' must be above 0 and below the number of series, {count}. "
            f"Received: perplexity={perplexity!r}, neighbors={neighbors!r}"
        )
    place = _placed(points, perplexity, seed)
    nearest = NearestNeighbors(n_neighbors=neighbors).fit(points).kneighbors(return_distance=False)
    hover = [
        f"<b>{shown[row]}</b><br>like {', '.join(shown[near] for near in nearest[row])}"
        for row in range(count)
    ]
    figure = new_figure("Which series are alike" if title is None else title, "", "")
    if values is not None:
        _add_values(figure, place, hover, _floats(values, count), plain(value_name))
    for number, label in enumerate(dict.fromkeys(groups) if values is None else ()):
        rows = [row for row in range(count) if groups[row] == label]
        look = {"color": LIGHT[ROLES[number % len(ROLES)]], "symbol": _SYMBOLS[number % len(_SYMBOLS)]}
        _add_points(figure, place, hover, rows, label, look)
    figure.update_layout(hovermode="closest", showlegend=labels is not None, height=540)
    figure.update_xaxes(showticklabels=False, showgrid=False, showline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, scaleanchor="x")
    return figure


def _placed(points: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    """Places of points in the plane."""
    from sklearn.manifold import TSNE

    map_of = TSNE(
        perplexity=perplexity,
        # Principal components begin with the large distances; a single feature has only one of them.
        init="pca" if points.shape[1] > 1 else "random",
        # The approximation pays for many series only.
        method="exact" if len(points) <= _EXACT else "barnes_hut",
        random_state=seed,
    )
    place: np.ndarray = map_of.fit_transform(points).astype("float64")
    return place


def _add_points(
    figure: go.Figure,
    place: np.ndarray,
    hover: Sequence[str],
    rows: Sequence[int],
    name: str,
    look: dict[str, Any],
) -> None:
    """Draw some of the points."""
    figure.add_scatter(
        x=place[rows, 0].tolist(),
        y=place[rows, 1].tolist(),
        text=[hover[row] for row in rows],
        name=name,
        mode="markers",
        marker={"size": 9, "opacity": 0.85, **look},
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
    )


def _add_values(
    figure: go.Figure, place: np.ndarray, hover: Sequence[str], values: np.ndarray, name: str
) -> None:
    """Draw points in the colors of their values."""
    known = np.isfinite(values)
    hover = [
        f"{text}<br>{name} {value:.4g}" if seen else text
        for text, value, seen in zip(hover, values, known, strict=True)
    ]
    if known.any():
        low, high = np.quantile(values[known], [0.05, 0.95])
        bar = {"title": {"text": name, "side": "right"}, "thickness": 12, "outlinewidth": 0}
        scale = {"cmin": low, "cmax": high, "colorscale": SEQUENTIAL, "colorbar": bar}
        rows = np.flatnonzero(known).tolist()
        _add_points(figure, place, hover, rows, name, {"color": values[known].tolist(), **scale})
    if not known.all():
        ring = {"color": LIGHT["naive"], "symbol": "circle-open"}
        _add_points(figure, place, hover, np.flatnonzero(~known).tolist(), f"no {name}", ring)


def _floats(values: Sequence[float], count: int) -> np.ndarray:
    """Values of all series, NaN where there is none."""
    _one_each("values", values, count)
    return np.asarray(values, dtype="float64")


def _one_each(name: str, values: Sequence[Any], count: int) -> list[str]:
    """Texts as they are shown, one for each series."""
    if len(values) != count:
        raise ValueError(
            f"'{name}' must be one for each embedding. Received: {len(values)} for {count}; pass them in "
            "the order of the rows."
        )
    return [plain(value) for value in values]
