"""Figures of a study: what was tried, what mattered, how it went, and does it beat the default settings?"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pipelines.plots.panels import leave_legend_out, new_panels
from pipelines.plots.scores import METRIC_NAMES
from pipelines.plots.style import LIGHT, VALUE, new_figure, plain
from pipelines.plots.values import as_text, axis_of, dimension_of, drawable

if TYPE_CHECKING:
    from pipelines.tuning.records import StudyRecord, TrialRecord

_BEST_FIRST = [[0.0, LIGHT["model"]], [0.5, LIGHT["average"]], [1.0, LIGHT["grid"]]]
_LATEST_LAST = [[0.0, LIGHT["grid"]], [0.3, LIGHT["average"]], [1.0, LIGHT["model"]]]
_COLUMNS = 3


def study_figures(study: StudyRecord) -> dict[str, go.Figure]:
    """Draw every figure that a study has the data for.

    Args:
        study: The study.

    Returns:
        Name to figure; none where no trial was scored.

    Example:
        >>> from pipelines.tuning.records import StudyRecord
        >>> study_figures(StudyRecord("id", "demo", "mase", "random", 0, {}, {}, "demo", ""))
        {}
    """
    figures = {}
    if _scored(study):
        figures["parallel_coordinates"] = parallel_coordinates(study)
        figures["best_score"] = best_score_chart(study)
    if _scored(study) and study.space:
        figures["score_by_hyperparameter"] = slices_chart(study)
    if study.importance:
        figures["importance"] = importance_chart(study)
    if _step_metric(study) is not None:
        figures["best_and_default_by_step"] = best_by_step(study)
    return figures


def parallel_coordinates(study: StudyRecord, *, title: str | None = None) -> go.Figure:
    """Draw each trial as a line through its hyper-parameters to its score, the best in the strongest color.

    Args:
        study: A study with a scored trial.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure whose axes can be dragged along to choose trials.

    Example:
        >>> from pipelines.tuning.records import StudyRecord, TrialRecord
        >>> trials = tuple(
        ...     TrialRecord(str(n), n, {"filters": f}, "COMPLETED", score=s)
        ...     for n, (f, s) in enumerate([(16, 0.9), (32, 0.8)])
        ... )
        >>> study = StudyRecord("id", "demo", "mase", "random", 0, {"filters": {}}, {}, "demo", "", trials)
        >>> axes = parallel_coordinates(study).data[0].dimensions
        >>> [(axis.label, list(axis.values)) for axis in axes]
        [('filters', [16, 32]), ('mase', [0.9, 0.8])]
    """
    trials = _checked(study)
    scores = [trial.score for trial in trials]
    axes = [dimension_of(name, [trial.values.get(name) for trial in trials]) for name in _names(study)]
    axes.append({"label": plain(study.objective), "values": scores})
    figure = new_figure("All trials" if title is None else title, "", "")
    figure.add_parcoords(
        dimensions=axes,
        line={"color": scores, "colorscale": _BEST_FIRST, "showscale": True},
        labelfont={"size": 12, "color": LIGHT["ink"]},
        tickfont={"size": 11, "color": LIGHT["muted"]},
        unselected={"line": {"color": LIGHT["grid"], "opacity": 0.2}},
    )
    figure.update_layout(margin={"l": 72, "r": 40, "t": 104, "b": 32})
    return figure


def importance_chart(study: StudyRecord, *, title: str | None = None) -> go.Figure:
    """Draw the share of each hyper-parameter in the differences between scores, the largest on top.

    Args:
        study: A study whose importance is known.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a bar for each hyper-parameter, in percent.

    Example:
        >>> from pipelines.tuning.records import StudyRecord
        >>> importance = {"filters": 0.75, "kernel_size": 0.25}
        >>> study = StudyRecord("id", "demo", "mase", "random", 0, {}, {}, "demo", "", importance=importance)
        >>> bars = importance_chart(study).data[0]
        >>> list(bars.y), list(bars.x)
        (['kernel_size', 'filters'], [25.0, 75.0])
    """
    ranked = sorted(study.importance.items(), key=lambda item: item[1])
    figure = new_figure("What mattered" if title is None else title, "share of the differences, %", "")
    figure.add_bar(
        x=[100 * share for _, share in ranked],
        y=[plain(name) for name, _ in ranked],
        orientation="h",
        marker={"color": LIGHT["model"], "cornerradius": 3},
        texttemplate="%{x:.0f} %",
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
    )
    leave_legend_out(figure)
    figure.update_layout(bargap=0.35, margin_r=56)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(showgrid=False, ticksuffix="  ")
    return figure


def best_score_chart(study: StudyRecord, *, title: str | None = None) -> go.Figure:
    """Draw the score of every trial and the best one so far, beside that of the default settings.

    Args:
        study: A study with a scored trial.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with trials as points and the best so far as steps.

    Example:
        >>> from pipelines.tuning.records import StudyRecord, TrialRecord
        >>> trials = tuple(
        ...     TrialRecord(str(n), n, {}, "COMPLETED", score=s) for n, s in enumerate([0.9, 0.8, 1.0])
        ... )
        >>> study = StudyRecord("id", "demo", "mase", "random", 0, {}, {}, "demo", "", trials)
        >>> [list(trace.y) for trace in best_score_chart(study).data]
        [[0.9, 0.8, 1.0], [0.9, 0.8, 0.8]]
    """
    trials = _checked(study)
    numbers, scores = [trial.number for trial in trials], [trial.score or 0.0 for trial in trials]
    figure = new_figure("Score by trial" if title is None else title, "trial", _words(study.objective))
    figure.add_scatter(
        x=numbers,
        y=scores,
        name="Trial",
        mode="markers",
        marker={"color": LIGHT["naive"], "size": 8},
        text=[_values_text(trial) for trial in trials],
        hovertemplate=f"%{{y:{VALUE}}}<br>%{{text}}",
    )
    figure.add_scatter(
        x=numbers,
        y=list(accumulate(scores, min)),
        name="Best so far",
        mode="lines",
        line={"color": LIGHT["model"], "width": 2.6, "shape": "hv"},
        hovertemplate=f"%{{y:{VALUE}}}",
    )
    if study.default is not None and study.default.score is not None:
        figure.add_scatter(
            x=[numbers[0], numbers[-1]],
            y=[study.default.score] * 2,
            name="Default settings",
            mode="lines",
            line={"color": LIGHT["season"], "width": 1.6, "dash": "dash"},
            hovertemplate=f"%{{y:{VALUE}}}",
        )
    figure.update_xaxes(unifiedhovertitle={"text": "trial %{x}"})
    return figure


def slices_chart(study: StudyRecord, *, title: str | None = None) -> go.Figure:
    """Draw the score of every trial against each of its hyper-parameters.

    Args:
        study: A study with a scored trial.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with a panel for each hyper-parameter, three in a row, later trials in a stronger color.

    Example:
        >>> from pipelines.tuning.records import StudyRecord, TrialRecord
        >>> trials = (TrialRecord("0", 0, {"head": "quantile"}, "COMPLETED", score=0.9),)
        >>> study = StudyRecord("id", "demo", "mase", "random", 0, {"head": {}}, {}, "demo", "", trials)
        >>> trace = slices_chart(study).data[0]
        >>> list(trace.x), list(trace.y)
        (['quantile'], [0.9])
    """
    trials, names = _checked(study), _names(study)
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = new_panels(
        "Score by hyper-parameter" if title is None else title,
        names,
        rows=rows,
        columns=columns,
        shared_yaxes=True,
        vertical_spacing=0.36 / rows,
        horizontal_spacing=0.08,
    )
    for place, name in enumerate(names):
        row, column = place // columns + 1, place % columns + 1
        values = [trial.values.get(name) for trial in trials]
        figure.add_scatter(
            x=drawable(values),
            y=[trial.score for trial in trials],
            name=plain(name),
            mode="markers",
            marker={"color": [trial.number for trial in trials], "colorscale": _LATEST_LAST, "size": 8},
            text=[f"trial {trial.number}" for trial in trials],
            hovertemplate=f"%{{text}}<br>%{{x}}: %{{y:{VALUE}}}<extra></extra>",
            row=row,
            col=column,
        )
        figure.update_xaxes(**axis_of(values), tickfont_size=11, row=row, col=column)
        if column == 1:
            figure.update_yaxes(title_text=plain(study.objective), row=row, col=column)
    leave_legend_out(figure)
    figure.update_layout(height=110 + 190 * rows)
    return figure


def best_by_step(study: StudyRecord, *, title: str | None = None) -> go.Figure:
    """Draw the error of the best and of the default settings by step ahead, averaged over the folds.

    Args:
        study: A study whose best and default trials have scores by step.
        title: Heading; a standard one by default, none for an empty text.

    Returns:
        Figure with two lines.

    Raises:
        ValueError: One of them has no scores by step.

    Example:
        >>> from pipelines.tuning.records import FoldRecord, StudyRecord, TrialRecord
        >>> def trial(name, *values):
        ...     fold = FoldRecord(0, ("a", "b"), {}, {"mase": values})
        ...     return TrialRecord(name, 0, {}, "COMPLETED", score=1.0, folds=(fold,))
        >>> study = StudyRecord(
        ...     "id", "demo", "mase", "random", 0, {}, {}, "demo", "",
        ...     default=trial("default", 0.9, 1.2), best=trial("0", 0.8, 1.0),
        ... )
        >>> [(trace.name, list(trace.y)) for trace in best_by_step(study).data]
        [('Default settings', [0.9, 1.2]), ('Best trial', [0.8, 1.0])]
    """
    metric = _step_metric(study)
    if metric is None or study.best is None or study.default is None:
        raise ValueError(
            "The best and the default settings must have scores by step. Received: a study without; score "
            "both on the folds first."
        )
    words = _words(metric)
    heading = f"{words} by step ahead".capitalize() if title is None else title
    figure = new_figure(heading, "steps ahead", words)
    drawn = (
        ("Default settings", study.default, {"color": LIGHT["season"], "dash": "dash", "width": 1.6}),
        ("Best trial", study.best, {"color": LIGHT["model"], "width": 2.6}),
    )
    for name, trial, style in drawn:
        values = _mean_by_step(trial, metric)
        figure.add_scatter(
            x=list(range(1, len(values) + 1)),
            y=values,
            name=name,
            mode="lines" if len(values) > 12 else "lines+markers",
            line=style,
            hovertemplate=f"%{{y:{VALUE}}}",
        )
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(unifiedhovertitle={"text": "step %{x}"})
    return figure


def _scored(study: StudyRecord) -> list[TrialRecord]:
    return sorted((t for t in study.trials if t.score is not None), key=lambda trial: trial.number)


def _checked(study: StudyRecord) -> list[TrialRecord]:
    trials = _scored(study)
    if not trials:
        raise ValueError("'study' must have a trial with a score. Received: none; look at their errors.")
    return trials


def _names(study: StudyRecord) -> list[str]:
    """Hyper-parameters that trials have, those that mattered most first."""
    used = {name: None for trial in _scored(study) for name in trial.values}
    known = [name for name in study.space if name in used] or list(used)
    return sorted(known, key=lambda name: -study.importance.get(name, 0.0))


def _values_text(trial: TrialRecord) -> str:
    return "<br>".join(plain(f"{name}: {as_text(value)}") for name, value in trial.values.items())


def _words(metric: str) -> str:
    return METRIC_NAMES.get(metric, metric)


def _step_metric(study: StudyRecord) -> str | None:
    """Score by step that the best and the default trial both have, the objective if they have it."""
    both = [set(_by_step(trial)) for trial in (study.best, study.default) if trial is not None]
    shared = set.intersection(*both) if len(both) == 2 else set()
    return study.objective if study.objective in shared else min(shared, default=None)


def _by_step(trial: TrialRecord) -> list[str]:
    return [name for name in trial.folds[0].by_step] if trial.folds else []


def _mean_by_step(trial: TrialRecord, metric: str) -> list[float]:
    folds = [fold.by_step[metric] for fold in trial.folds if metric in fold.by_step]
    return [sum(values) / len(values) for values in zip(*folds, strict=True)]
