"""Scores as tables of texts, ready for markup."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipelines.skill import REFERENCE
from pipelines.wording import decimals_for, number, percent

if TYPE_CHECKING:
    from pipelines.metrics import Scores

ERRORS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "smape": "sMAPE",
    "mase": "MASE",
    "rmsse": "RMSSE",
    "wql": "WQL",
}
"""Errors shown, in this order; smaller is better."""

SUFFIX = {"mape": " %", "smape": " %"}
"""Errors that are percentages."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        text: What it shows.
        best: Whether it is the best of its column.
    """

    text: str
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Args:
        name: Row heading.
        cells: Cells after it.
        marked: Whether the row stands out.
    """

    name: str
    cells: tuple[Cell, ...]
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Args:
        columns: Column headings, the one of the row headings first.
        rows: Rows.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def score_table(scores: Scores, alias: str) -> Table:
    """Scores of every model, best of each column marked, the forecaster first.

    Args:
        scores: Scores of a backtest.
        alias: Name of the forecaster.

    Returns:
        Table with a row for each model.

    Example:
        >>> from types import SimpleNamespace
        >>> overall = pd.DataFrame({"mae": [2.0, 1.0], "coverage_80": [0.7, 0.8]}, index=["Naive", "TCN"])
        >>> table = score_table(SimpleNamespace(overall=overall), "TCN")
        >>> table.columns, table.rows[0].name, table.rows[0].cells[0]
        (('Model', 'MAE', 'Coverage 80'), 'TCN', Cell(text='1.00', best=True))
    """
    overall = scores.overall
    order = sorted(overall.index, key=lambda model: (model != alias, model != REFERENCE))
    overall = overall.loc[order]
    spreads = [str(name) for name in overall.columns if str(name).startswith(("coverage_", "width_"))]
    names = [name for name in ERRORS if name in overall.columns and overall[name].notna().any()]
    names += [name for name in spreads if overall[name].notna().any()]
    texts = {name: column_cells(name, overall[name]) for name in names}
    rows = tuple(
        Row(str(model), tuple(texts[name][place] for name in names), marked=model == alias)
        for place, model in enumerate(overall.index)
    )
    return Table(("Model", *map(heading, names)), rows)


def skill_table(scores: Scores, alias: str) -> Table:
    """Gains over seasonal naive.

    Args:
        scores: Scores of a backtest.
        alias: Name of the forecaster.

    Returns:
        Table with a row for each model but seasonal naive.

    Example:
        >>> from types import SimpleNamespace
        >>> skill = {"skill_mae": 0.2, "skill_wql": 0.3, "p_value": 0.0001, "series_won": 1.0}
        >>> skill |= {"test": "Diebold-Mariano", "significant": True}
        >>> table = skill_table(SimpleNamespace(skill=pd.DataFrame([skill], index=["TCN"])), "TCN")
        >>> [cell.text for cell in table.rows[0].cells]
        ['20.0 %', '30.0 %', '100 %', 'Diebold-Mariano', '< 0.001', 'yes']
    """
    columns = ("Model", "Gain in MAE", "Gain in WQL", "Series won", "Test", "p-value", "Significantly better")
    skill = scores.skill
    rows = []
    for model in sorted(skill.index, key=lambda model: model != alias):
        if model == REFERENCE:
            continue
        one = skill.loc[model]
        p_value = float(one["p_value"])
        texts = [
            percent(float(one["skill_mae"])),
            percent(float(one["skill_wql"])),
            percent(float(one["series_won"]), 0),
            str(one["test"]),
            "< 0.001" if p_value < 0.001 else number(p_value, 3),
            "yes" if bool(one["significant"]) else "no",
        ]
        rows.append(Row(str(model), tuple(map(Cell, texts)), marked=model == alias))
    return Table(columns, tuple(rows))


def step_table(scores: Scores, alias: str, metric: str) -> Table:
    """An error by step ahead, a column for each model.

    Args:
        scores: Scores of a backtest.
        alias: Name of the forecaster.
        metric: Column of ``scores.by_step``.

    Returns:
        Table with a row for each step.

    Example:
        >>> from types import SimpleNamespace
        >>> by_step = pd.DataFrame({"model": ["TCN", "TCN"], "step": [1, 2], "mae": [0.5, 0.75]})
        >>> table = step_table(SimpleNamespace(by_step=by_step), "TCN", "mae")
        >>> [(row.name, row.cells[0].text) for row in table.rows]
        [('1', '0.500'), ('2', '0.750')]
    """
    wide = scores.by_step.pivot(index="step", columns="model", values=metric)
    models = sorted(wide.columns, key=lambda model: (model != alias, model != REFERENCE))
    decimals = decimals_for(wide.to_numpy(dtype=float).ravel())
    rows = [
        Row(str(step), tuple(Cell(number(float(value), decimals)) for value in values))
        for step, values in zip(wide.index, wide[models].to_numpy(), strict=True)
    ]
    return Table(("Step", *map(str, models)), tuple(rows))


def heading(metric: str) -> str:
    """Name of a metric as a column heading.

    Args:
        metric: Column of a score frame.

    Returns:
        Text.

    Example:
        >>> heading("mase"), heading("coverage_80")
        ('MASE', 'Coverage 80')
    """
    return ERRORS.get(metric) or metric.replace("_", " ").capitalize()


def column_cells(metric: str, values: pd.Series[Any]) -> list[Cell]:
    """Cells of one score, written alike, the best marked where one is better than another.

    Args:
        metric: Name of the score.
        values: One value for each row.

    Returns:
        Cells in the order of the values.

    Example:
        >>> column_cells("mae", pd.Series([2.0, 1.0]))
        [Cell(text='2.00', best=False), Cell(text='1.00', best=True)]
    """
    numbers = [float(value) for value in values]
    if metric.startswith("coverage_"):
        target = float(metric.removeprefix("coverage_")) / 100
        costs = [abs(value - target) for value in numbers]
    else:
        costs = [math.nan if metric.startswith("width_") else value for value in numbers]
    finite = [cost for cost in costs if math.isfinite(cost)]
    least = min(finite) if len(set(finite)) > 1 else math.nan
    decimals = decimals_for(numbers)
    if metric.startswith("coverage_"):
        texts = [percent(value) for value in numbers]
    else:
        texts = [number(value, decimals, SUFFIX.get(metric, "")) for value in numbers]
    return [Cell(text, cost == least) for text, cost in zip(texts, costs, strict=True)]
