"""The description of a study in Markdown: what was searched, what came out, what mattered, is it better?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipelines.tracking.markdown import cell, markdown_table
from pipelines.tracking.names import TAG_LENGTH, clip

if TYPE_CHECKING:
    from pipelines.tuning.records import StudyRecord, TrialRecord

_BEST = 5
_LONGEST = 12


def study_note(study: StudyRecord, figures: Iterable[str] = ()) -> str:
    """Write the description that the UI shows at the top of a study.

    Args:
        study: The study, on its way or at its end.
        figures: Names of the figures that its run holds.

    Returns:
        Markdown of at most 8,000 characters.

    Example:
        >>> from pipelines.tuning.records import StudyRecord
        >>> study = StudyRecord("s", "Sales", "mase", "random", 0, {"filters": {}}, {}, "sales", "")
        >>> print(study_note(study).splitlines()[0])
        ## Sales: no trial completed
    """
    names = list(figures)
    blocks = [
        f"## {cell(study.name)}: {_headline(study)}",
        f"**{verdict_of(study)}**",
        _searched(study),
        _best_trials(study),
        _mattered(study.importance),
        _held_out(study),
        _failed(study.trials),
        f"Among the artifacts: `figures/` with {', '.join(name.replace('_', ' ') for name in names)}."
        if names
        else "",
    ]
    return clip("\n\n".join(block for block in blocks if block), TAG_LENGTH)


def verdict_of(study: StudyRecord) -> str:
    """Say whether the best settings beat the default ones on origins that no trial has seen.

    Args:
        study: The study.

    Returns:
        One sentence.
    """
    if study.verdict:
        return study.verdict
    best, default = (study.held_out.get(who, {}).get(study.objective) for who in ("best", "default"))
    if best is None or default is None:
        return "Not yet compared with the default settings on held-out origins."
    change = f"{study.objective} {best:.4g} against {default:.4g} on held-out origins"
    if best < default:
        return f"Better than the default settings: {change}, {100 * (1 - best / default):.1f} % less."
    return f"Not better than the default settings: {change}."


def _headline(study: StudyRecord) -> str:
    if study.best is None:
        return "no trial completed"
    return f"{study.objective} {cell(study.best.score)} in trial {study.best.ordinal}"


def _searched(study: StudyRecord) -> str:
    ended = [trial for trial in study.trials if trial.status != "RUNNING"]
    folds = max((len(trial.folds) for trial in ended), default=0)
    rows = (
        (name, "; ".join(f"{key} {value}" for key, value in may_be.items()))
        for name, may_be in study.space.items()
    )
    return (
        f"{len(ended)} trials of {study.method} search (seed {study.seed}) for the smallest "
        f"`{study.objective}` on `{cell(study.data)}`, each scored on the same origins of {folds} folds.\n\n"
        + markdown_table(["hyper-parameter", "searched"], rows)
    )  # fmt: skip


def _best_trials(study: StudyRecord) -> str:
    scored = [trial for trial in study.trials if trial.score is not None]
    best = sorted(scored, key=lambda trial: (trial.score, trial.number))[:_BEST]
    if not best:
        return ""
    names = list(study.space)[:_LONGEST]
    rows = [[trial.ordinal, trial.score, *(trial.values.get(name, "") for name in names)] for trial in best]
    if study.default is not None:
        values = study.default.values
        score = study.default.score
        rows.append(["default", "" if score is None else score, *(values.get(name, "") for name in names)])
    return f"The best {len(best)}:\n\n" + markdown_table(["trial", study.objective, *names], rows)


def _mattered(importance: Mapping[str, float]) -> str:
    if not importance:
        return ""
    ranked = sorted(importance.items(), key=lambda item: -item[1])
    return "What mattered: " + ", ".join(f"{cell(name)} {100 * share:.0f} %" for name, share in ranked) + "."


def _held_out(study: StudyRecord) -> str:
    if not study.held_out:
        return ""
    metrics = list({name: None for scores in study.held_out.values() for name in scores})[:_LONGEST]
    rows: list[list[Any]] = [
        [who, *(scores.get(name, "") for name in metrics)] for who, scores in study.held_out.items()
    ]
    return "On held-out origins:\n\n" + markdown_table(["settings", *metrics], rows)


def _failed(trials: Iterable[TrialRecord]) -> str:
    failed = [trial for trial in trials if trial.status == "FAILED"]
    lines = [f"- trial {trial.ordinal}: {cell(trial.error or 'no reason given')}" for trial in failed[:_BEST]]
    return f"{len(failed)} trials failed:\n\n" + "\n".join(lines) if failed else ""
