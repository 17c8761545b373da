"""What the runs of a study record: params and metrics of the study, its trials and folds, as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pipelines.tracking.names import PARAM_LENGTH, clip, flatten, legal_name
from pipelines.tracking.records import MAX_POINTS, Point, epoch_points, finite_points

if TYPE_CHECKING:
    from pipelines.tuning.records import FoldRecord, StudyRecord, TrialRecord


def study_params(study: StudyRecord) -> dict[str, str]:
    """Params of a study: what is searched, how, on which data.

    Args:
        study: The study.

    Returns:
        Legal keys, with values of at most 6,000 characters; ``space.NAME`` holds what a hyper-parameter may
        be.
    """
    facts = {
        "data": study.data,
        "data_digest": study.digest,
        "objective": study.objective,
        "method": study.method,
        "seed": study.seed,
        "study_id": study.study_id,
    }
    space = {
        legal_name(f"space.{name}"): clip(json.dumps(dict(may_be), default=str), PARAM_LENGTH)
        for name, may_be in study.space.items()
    }
    return flatten(facts, "") | space | flatten(study.settings, "settings")


def study_points(study: StudyRecord) -> list[Point]:
    """Metrics of a study as a whole: its best score beside the default's, importance, held-out scores.

    Args:
        study: A study, at its end or on its way.

    Returns:
        Finite values only.

    Example:
        >>> from pipelines.tuning.records import StudyRecord
        >>> study = StudyRecord(
        ...     "s", "demo", "mase", "random", 0, {}, {}, "demo", "", importance={"filters": 0.7},
        ...     held_out={"best": {"mase": 0.8}},
        ... )
        >>> [point[:2] for point in study_points(study)]
        [('trials', 0.0), ('trials_failed', 0.0), ('importance/filters', 0.7), ('held_out/best/mase', 0.8)]
    """
    failed = sum(trial.status == "FAILED" for trial in study.trials)
    values: list[tuple[str, Any]] = [("trials", len(study.trials)), ("trials_failed", failed)]
    if study.best is not None:
        values.append((f"best/{study.objective}", study.best.score))
    if study.default is not None:
        values.append((f"default/{study.objective}", study.default.score))
    values += [(f"importance/{name}", share) for name, share in study.importance.items()]
    for who, scores in study.held_out.items():
        values += [(f"held_out/{who}/{name}", score) for name, score in scores.items()]
    values.append(("held_out/p_value", study.p_value))
    return finite_points((name, value, 0) for name, value in values)


def trial_params(trial: TrialRecord) -> dict[str, str]:
    """Params of a trial: its hyper-parameters under their own names, so that charts compare them.

    Args:
        trial: The trial.

    Returns:
        Legal keys, with values of at most 6,000 characters.

    Example:
        >>> from pipelines.tuning.records import TrialRecord
        >>> trial_params(TrialRecord("0001", 1, {"filters": 32, "dilations": (1, 2, 4)}))
        {'filters': '32', 'dilations': '[1, 2, 4]'}
    """
    return flatten(trial.values, "")


def trial_points(trial: TrialRecord) -> list[Point]:
    """Metrics of a trial: its score, its time, and every score by fold.

    Args:
        trial: The trial.

    Returns:
        Finite values only; ``mase_by_fold`` has the number of the fold as its step.
    """
    points = finite_points([("score", trial.score, 0), ("seconds", trial.seconds or None, 0)])
    for fold in trial.folds:
        points += finite_points(
            (f"{name}_by_fold", value, fold.number) for name, value in fold.metrics.items()
        )
    names = {name: None for fold in trial.folds for name in fold.metrics}
    means = ((name, [fold.metrics[name] for fold in trial.folds if name in fold.metrics]) for name in names)
    return points + finite_points((name, sum(values) / len(values), 0) for name, values in means)


def fold_params(fold: FoldRecord) -> dict[str, str]:
    """Params of a fold: which one it is, and the cutoffs that it forecast from.

    Args:
        fold: The fold.

    Returns:
        Legal keys with short values.
    """
    return {
        "fold": str(fold.number),
        "first_cutoff": str(fold.cutoffs[0]),
        "last_cutoff": str(fold.cutoffs[1]),
    }


def fold_points(fold: FoldRecord) -> list[Point]:
    """Metrics of a fold: scores, scores by step ahead, and the training by epoch.

    Args:
        fold: The fold.

    Returns:
        Finite values only; ``mase_by_step`` has steps ahead as its steps, ``train/loss`` training steps.

    Example:
        >>> from pipelines.tuning.records import FoldRecord
        >>> epochs = ({"step": 5, "loss": 1.0},)
        >>> fold = FoldRecord(0, ("2024", "2025"), {"mase": 0.8}, {"mase": (0.7, 0.9)}, epochs)
        >>> [tuple(point) for point in fold_points(fold)]
        [('mase', 0.8, 0), ('mase_by_step', 0.7, 1), ('mase_by_step', 0.9, 2), ('train/loss', 1.0, 5)]
    """
    points = finite_points((name, value, 0) for name, value in fold.metrics.items())
    points += finite_points([("seconds", fold.seconds or None, 0)])
    for name, values in fold.by_step.items():
        points += finite_points((f"{name}_by_step", value, step) for step, value in _thinned(values))
    for record in fold.epochs:
        points += epoch_points(record)
    return points


def _thinned(values: Iterable[float]) -> list[tuple[int, float]]:
    numbered = list(enumerate(values, start=1))
    if len(numbered) <= MAX_POINTS:
        return numbered
    kept = {round(k * (len(numbered) - 1) / (MAX_POINTS - 1)) for k in range(MAX_POINTS)}
    return [numbered[place] for place in sorted(kept)]
