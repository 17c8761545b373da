"""A study in one HTML file that loads nothing: what was found, its figures, all trials."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jinja2

from pipelines.plots.studies import study_figures
from pipelines.wording import counted, number, percent

if TYPE_CHECKING:
    from pipelines.tuning.records import StudyRecord, TrialRecord

_METRICS: Final = ("mae", "mase", "wql")


def write_study_page(study: StudyRecord, path: Path) -> Path:
    """Write the page of a study.

    Args:
        study: A study that has ended.
        path: File to write.

    Returns:
        The path.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from pipelines.tuning.records import StudyRecord
        >>> study = StudyRecord("id", "demo", "wql", "random", 0, {}, {}, "demo", "", verdict="None.")
        >>> with TemporaryDirectory() as folder:
        ...     "None." in write_study_page(study, Path(folder) / "study.html").read_text()
        True
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = (resources.files("pipelines.report") / "templates" / "study.html.j2").read_text("utf-8")
    names = [*study.space]
    done = [trial for trial in study.trials if trial.score is not None]
    page = environment.from_string(template).render(
        study=study,
        metrics=_METRICS,
        names=names,
        searched=f"{counted(len(study.trials), 'trial')} ({study.method}), {len(done)} completed. Scores are "
        f"means over the folds of {study.objective.upper()}; smaller is better." + _importance(study),
        held_out=[
            [model, *(number(row[name]) if name in row else "" for name in _METRICS)]
            for model, row in study.held_out.items()
        ],
        figures=_figures(study),
        trials=[_row(trial, names) for trial in _sorted(study)],
    )
    path.write_text(page, encoding="utf-8")
    return path


def _importance(study: StudyRecord) -> str:
    shares = ", ".join(f"{name} {percent(share, 0)}" for name, share in study.importance.items())
    return f" What scores depended on: {shares}." if shares else ""


def _figures(study: StudyRecord) -> list[str]:
    """Each figure as HTML; plotly.js comes with the first."""
    return [
        figure.to_html(full_html=False, include_plotlyjs=place == 0, div_id=name)
        for place, (name, figure) in enumerate(study_figures(study).items())
    ]


def _sorted(study: StudyRecord) -> list[TrialRecord]:
    """The default, then trials from the best to those that failed."""
    trials = sorted(study.trials, key=lambda trial: (trial.score is None, trial.score or 0.0, trial.number))
    return [*((study.default,) if study.default else ()), *trials]


def _row(trial: TrialRecord, names: list[str]) -> list[str]:
    score = trial.error or "failed" if trial.score is None else f"{trial.score:.4g}"
    values = [str(trial.values[name]) if name in trial.values else "" for name in names]
    title = trial.trial_id if trial.number < 0 else str(trial.number + 1)
    return [title, score, f"{trial.seconds:.0f}", *values]
