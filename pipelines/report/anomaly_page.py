"""Anomalies in one HTML file that loads nothing: what was found, figures, how it was decided."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2

from pipelines.plots.anomalies import anomaly_chart
from pipelines.wording import counted, number

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.anomaly import Detection

# Rows that are drawn, and series of which figures are, the strangest first.
_ROWS: Final = 40_000
_FIGURES: Final = 12
# Intervals that the table lists.
_LISTED: Final = 200


def write_anomaly_page(detection: Detection, facts: dict[str, Any], name: str, path: Path) -> Path:
    """Write the page of a search.

    Args:
        detection: What was found.
        facts: What else to tell of how it was found, by what it is called.
        name: What the data are called.
        path: File to write.

    Returns:
        The path.
    """
    found = detection.anomalies.sort_values("score", ascending=False, kind="stable")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = (resources.files("pipelines.report") / "templates" / "anomalies.html.j2").read_text("utf-8")
    page = environment.from_string(template).render(
        name=name,
        headline=headline(detection),
        figures=_figures(detection, found),
        listed=[_cells(row, detection.columns.id_col) for _, row in found.head(_LISTED).iterrows()],
        more=max(len(found) - _LISTED, 0),
        skipped=list(map(str, detection.skipped)),
        facts=facts,
    )
    path.write_text(page, encoding="utf-8")
    return path


def headline(detection: Detection) -> str:
    """Say in a sentence what was found.

    Args:
        detection: What was found.

    Returns:
        The sentence.
    """
    rows, found = detection.rows, detection.anomalies
    id_col, time_col, _ = detection.columns
    text = f"{len(found):,} {'anomaly' if len(found) == 1 else 'anomalies'} in {counted(len(rows), 'row')}"
    if rows[id_col].nunique() > 1:
        text += f" of {rows[id_col].nunique():,} series"
    text += f", {rows[time_col].min()} to {rows[time_col].max()}."
    if detection.expected_false_alarms is not None:
        text += f" By chance there should be about {number(detection.expected_false_alarms, 1)}."
    return text


def _figures(detection: Detection, found: pd.DataFrame) -> list[tuple[str, str]]:
    """Ids and figures (HTML) of the series with the strangest anomalies; plotly.js comes with the first."""
    columns, rows = detection.columns, detection.rows
    counts = rows.groupby(columns.id_col, sort=False).size()
    order = [*dict.fromkeys([*found[columns.id_col], *counts.index])][:_FIGURES]
    figures: list[tuple[str, str]] = []
    room = _ROWS
    for series in order:
        if figures and counts[series] > room:
            continue
        room -= int(counts[series])
        own = rows[rows[columns.id_col] == series].tail(_ROWS)
        figure = anomaly_chart(own, found, series, columns=columns)
        html = figure.to_html(full_html=False, include_plotlyjs=not figures, div_id=f"series-{len(figures)}")
        figures.append((str(series), html))
    return figures


def _cells(row: pd.Series[Any], id_col: str) -> list[str]:
    return [
        str(row[id_col]), str(row["start"]), str(row["end"]), str(row["direction"]), number(row["observed"]),
        number(row["expected"]), str(row["peak"]), number(row["score"], 1), f"{row['p_value']:.2g}",
    ]  # fmt: skip
