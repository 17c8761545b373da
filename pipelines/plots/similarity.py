"""Where the series of a forecaster lie, and where it errs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.folds import BASELINES
from pipelines.plots.embeddings import embedding_map
from pipelines.plots.style import LIGHT

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from pipelines.metrics import Scores
    from pipelines.similarity import Embeddings

# Names that do not stand in each other's way.
_MOST_NAMES: Final = 30


def similarity_map(
    embeddings: Embeddings,
    scores: Scores | None = None,
    metric: str = "mase",
    model: str | None = None,
    **drawing: Any,
) -> go.Figure:
    """Draw a map of series, like ones close to each other, colored by how well they are forecast.

    A region of one color says that what errs there has something in common.

    Args:
        embeddings: A vector for each series, as ``pipelines.similarity`` makes them.
        scores: Of a backtest of these series, as ``pipelines.evaluate`` gives them; None for one color.
            Series that it does not have are gray rings.
        metric: Which metric of it.
        model: Which model of it; None for the first that is no baseline.
        **drawing: Further arguments of ``embedding_map``: ``neighbors``, ``perplexity``, ``seed``, ``title``.

    Returns:
        Figure; hovering names a series, the most alike ones and its error. Names of 30 series or fewer stand
        beside their points.

    Raises:
        ValueError: There are fewer than three series, or no such metric or model.

    Example:
        >>> from pipelines.similarity import Embeddings
        >>> points = np.random.default_rng(0).normal(size=(8, 3))
        >>> figure = similarity_map(Embeddings(np.array([*"abcdefgh"], object), points))
        >>> figure.data[0].text[:3]
        ('a', 'b', 'c')
    """
    # Of unit vectors the distance tells the angle, which is what vectors are compared by.
    size = np.linalg.norm(embeddings.vectors, axis=1, keepdims=True)
    directions = embeddings.vectors / np.where(size > 0, size, 1)
    drawing = {"neighbors": min(3, len(embeddings) - 1), **drawing}
    names = embeddings.ids.tolist()
    if scores is None:
        return _named(embedding_map(directions, names=names, **drawing), len(names))
    table = scores.by_series
    known = dict.fromkeys(table["model"])
    model = next((name for name in known if name not in BASELINES), None) if model is None else model
    if metric not in table.columns or model not in known:
        raise ValueError(
            f"Scores must have the metric and the model. Received: metric={metric!r}, model={model!r} for "
            f"{', '.join(map(str, known))} with {', '.join(map(str, table.columns[2:]))}"
        )
    of_model = table[table["model"] == model].set_index(embeddings.id_col)[metric]
    errors = of_model.reindex(names).to_numpy(dtype="float64")
    name = metric.upper() if metric.isalpha() else metric
    figure = embedding_map(directions, names=names, values=errors, value_name=name, **drawing)
    return _named(figure, len(names))


def _named(figure: go.Figure, count: int) -> go.Figure:
    """Write the names of few series beside their points, too."""
    if count <= _MOST_NAMES:
        for trace in figure.data:
            names = [text.split("</b>")[0].removeprefix("<b>") for text in trace.text]
            trace.update(
                customdata=trace.text,
                text=names,
                mode="markers+text",
                textposition="top center",
                textfont={"size": 11, "color": LIGHT["muted"]},
                cliponaxis=False,
                hovertemplate="%{customdata}<extra></extra>",
            )
    return figure
