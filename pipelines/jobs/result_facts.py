"""What every result of a job tells of its data and of the forecaster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.jobs.versions import versions

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster
    from pipelines.jobs.task import Task


def result_facts(task: Task, forecaster: Forecaster, seconds: dict[str, float]) -> dict[str, Any]:
    """Gather arguments of ``ForecastResult`` that do not depend on what the job was for.

    Args:
        task: Data and settings.
        forecaster: What was used.
        seconds: Stage to its wall time.

    Returns:
        Names and values.
    """
    from pipelines.data_summary import summarize_panel
    from pipelines.plots.series import history_length

    panel = task.panel
    shown = history_length(task.horizon, task.season_length)
    return {
        "name": task.name,
        "history": panel.tail(shown).to_frame()[list(panel.columns)],
        "horizon": task.horizon,
        "versions": versions(),
        "digest": task.digest(),
        "columns": panel.columns,
        "alias": forecaster.alias,
        "levels": task.request.levels,
        "season_length": task.season_length,
        "freq": panel.freq.text,
        "seconds": dict(seconds),
        "rows": panel.notes.rows_in,
        "data": summarize_panel(panel, task.season_length),
    }
