"""Studies made by hand, in which every number differs from the others."""

from __future__ import annotations

import numpy as np

from pipelines.tuning.records import FoldRecord, StudyRecord, TrialRecord

SPACE = {
    "filters": {"values": [16, 32, 64]},
    "kernel_size": {"low": 2, "high": 7},
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "dilations": {"values": [[1, 2, 4], [1, 2, 4, 8, 16]]},
    "head": {"values": ["quantile", "student_t"]},
}
METRICS = ("mase", "mae", "wql", "coverage_80", "coverage_95")


def make_trial(
    number: int, trial_id: str = "", folds: int = 2, horizon: int = 12, failed: bool = False
) -> TrialRecord:
    """Make a trial that ended."""
    rng = np.random.default_rng(number + 100)
    values = {
        "filters": int(rng.choice([16, 32, 64])),
        "kernel_size": int(rng.integers(2, 8)),
        "learning_rate": float(10 ** rng.uniform(-4, -2)),
        "dilations": [1, 2, 4] if rng.random() < 0.5 else [1, 2, 4, 8, 16],
        "head": str(rng.choice(["quantile", "student_t"])),
    }
    name = trial_id or f"{number:04d}"
    if failed:
        return TrialRecord(name, number, values, "FAILED", error="ValueError: the look-back is too long")
    made = []
    for fold in range(folds):
        scores = dict(zip(METRICS, rng.uniform(0.6, 1.0, len(METRICS)).tolist(), strict=True))
        growing = np.linspace(0.8, 1.2, horizon)
        by_step = {metric: tuple((scores[metric] * growing).tolist()) for metric in ("mase", "coverage_80")}
        epochs = tuple({"step": 50 * (k + 1), "loss": 1 / (k + 1 + fold), "seconds": 0.5} for k in range(6))
        cutoffs = (f"2023-0{fold + 1}-01", f"2023-0{fold + 1}-28")
        made.append(FoldRecord(fold, cutoffs, scores, by_step, epochs, seconds=2.5 + fold))
    score = float(np.mean([fold.metrics["mase"] for fold in made]))
    return TrialRecord(name, number, values, "COMPLETED", score, tuple(made), seconds=6.5)


def make_study(
    n_trials: int = 6, failed: tuple[int, ...] = (), study_id: str = "study", **fields: object
) -> StudyRecord:
    """Make a study that is over."""
    trials = tuple(make_trial(number, failed=number in failed) for number in range(n_trials))
    scored = [trial for trial in trials if trial.score is not None]
    default = make_trial(50, "default")
    best = min(scored, key=lambda trial: trial.score or 0.0, default=None)
    made = {
        "study_id": study_id,
        "name": "bike_sharing: width, kernel and head",
        "objective": "mase",
        "method": "random",
        "seed": 0,
        "space": SPACE,
        "settings": {"horizon": 12, "preset": "fast", "folds": 2},
        "data": "bike_sharing",
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "rows": 17379,
        "series": 1,
        "trials": trials,
        "default": default,
        "best": best,
        "importance": dict(zip(SPACE, (0.45, 0.2, 0.18, 0.1, 0.07), strict=True)) if len(scored) > 2 else {},
        "held_out": {
            "best": {"mase": 0.81, "wql": 0.13, "coverage_80": 0.78},
            "default": {"mase": 0.84, "wql": 0.14, "coverage_80": 0.74},
        },
    }
    return StudyRecord(**(made | fields))  # type: ignore[arg-type]
