"""Studies in MLflow: a tree of runs that says what the records say, and that a kill does not double."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_studies import SPACE, make_study, make_trial

from pipelines.plots import study_figures
from pipelines.tracking import StudyTracker, Tracker, store
from pipelines.tracking.study_note import study_note, verdict_of
from pipelines.tuning.records import StudyRecord

ROOT = Path(store.__file__).parents[2]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studies")


@pytest.fixture
def tracker(directory: Path, request: pytest.FixtureRequest) -> Tracker:
    return Tracker(directory, request.node.name)


def tell(observer: StudyTracker, study: StudyRecord, start: int = 0) -> None:
    """Tell of a study as it happens; trials before ``start`` ended in an earlier process."""
    observer.begin(replace(study, trials=study.trials[:start], best=None, importance={}, held_out={}))
    for trial in study.trials[start:]:
        observer.trial_began(replace(trial, status="RUNNING", score=None, folds=(), error=None))
        observer.trial_ended(trial)
    observer.end(study)


def tree(tracker: Tracker) -> dict[tuple[str, ...], Any]:
    """Path of names to run, which fails where two have the same."""
    runs = {run.info.run_id: run for run in tracker._client.search_runs([tracker.experiment_id])}
    found = {}
    for run in runs.values():
        path, at = (run.info.run_name,), run
        while "mlflow.parentRunId" in at.data.tags:
            at = runs[at.data.tags["mlflow.parentRunId"]]
            path = (at.info.run_name, *path)
        assert path not in found
        found[path] = run
    return found


def history(tracker: Tracker, run: Any, name: str) -> dict[int, float]:
    return {p.step: p.value for p in tracker._client.get_metric_history(run.info.run_id, name)}


def test_a_study_is_a_tree_that_holds_every_number(tracker: Tracker) -> None:
    study = make_study(4, failed=(1,), p_value=0.712)
    with StudyTracker(tracker, study_figures, {"keras": "3.15.1"}) as observer:
        tell(observer, study)
    runs, top = tree(tracker), study.name
    names = [f"trial {n}" for n in range(1, 5)] + ["default"]
    folds = {(top, name, f"fold {k}") for name in names if name != "trial 2" for k in range(2)}
    assert set(runs) == {(top,), *((top, name) for name in names), *folds}
    assert {path: run.info.status for path, run in runs.items() if run.info.status != "FINISHED"} == {
        (top, "trial 2"): "FAILED"
    }
    assert runs[top, "trial 2"].data.tags["error"] == study.trials[1].error

    whole = runs[top,]
    assert whole.info.run_id == observer.run_id
    params = whole.data.params
    assert (params["method"], params["seed"], params["objective"]) == ("random", "0", "mase")
    assert params["data_digest"] == study.digest
    assert params["space.filters"] == '{"values": [16, 32, 64]}'
    assert (params["settings.horizon"], params["versions.keras"]) == ("12", "3.15.1")
    assert {name for name in params if name.startswith("space.")} == {f"space.{name}" for name in SPACE}
    metrics = whole.data.metrics
    assert metrics["held_out/best/mase"] == 0.81
    assert metrics["held_out/default/coverage_80"] == 0.74
    assert metrics["held_out/p_value"] == 0.712
    assert metrics["importance/filters"] == 0.45
    assert study.best is not None
    assert metrics["best/mase"] == study.best.score
    assert metrics["trials_failed"] == 1
    scores = [trial.score for trial in study.trials]
    so_far = [min(s for s in scores[: n + 1] if s is not None) for n in range(4)]
    assert history(tracker, whole, "best_score") == dict(enumerate(so_far, start=1))
    (data,) = whole.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("bike_sharing", study.digest[:12])
    assert json.loads(data.dataset.profile) == {"num_rows": study.rows, "num_series": study.series}
    files = {file.path for file in tracker._client.list_artifacts(whole.info.run_id, "figures")}
    assert files == {f"figures/{name}.html" for name in study_figures(study)}
    assert len(files) == 5

    trial = study.trials[2]
    run = runs[top, "trial 3"]
    assert run.data.params["filters"] == str(trial.values["filters"])
    assert run.data.params["learning_rate"] == str(trial.values["learning_rate"])
    assert run.data.metrics["score"] == trial.score
    assert history(tracker, run, "wql_by_fold") == {fold.number: fold.metrics["wql"] for fold in trial.folds}
    fold, own = trial.folds[1], runs[top, "trial 3", "fold 1"]
    assert own.data.metrics["coverage_95"] == fold.metrics["coverage_95"]
    assert history(tracker, own, "mase_by_step") == dict(enumerate(fold.by_step["mase"], start=1))
    assert history(tracker, own, "train/loss") == {e["step"]: e["loss"] for e in fold.epochs}
    assert (own.data.params["fold"], own.data.params["last_cutoff"]) == ("1", fold.cutoffs[1])
    assert own.info.end_time - own.info.start_time == 3500


KILLED = """
import os, signal, sys
from dataclasses import replace
sys.path.insert(0, sys.argv[2])
from example_studies import make_study
from pipelines.tracking import StudyTracker, Tracker, study as module
study = make_study(4)
observer = StudyTracker(Tracker(sys.argv[1], sys.argv[3]))
observer.begin(replace(study, trials=()))
observer.trial_began(study.trials[0])
observer.trial_ended(study.trials[0])
observer.trial_began(study.trials[1])
observer.trial_began(study.trials[2])
write = observer._write_fold
observer._write_fold = lambda *a: write(*a) if a[1].number == 0 else os.kill(os.getpid(), signal.SIGKILL)
observer.trial_ended(study.trials[1])
"""


@pytest.mark.long  # a process of its own, which kills itself
def test_a_killed_study_goes_on_without_a_double_or_a_running_run(directory: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(directory), str(ROOT / "tests"), "killed"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    tracker, study = Tracker(directory, "killed"), make_study(4)
    top = study.name
    before = tree(tracker)
    status = {path: run.info.status for path, run in before.items()}
    assert status == {
        (top,): "KILLED",
        (top, "trial 1"): "FINISHED",
        (top, "trial 1", "fold 0"): "FINISHED",
        (top, "trial 1", "fold 1"): "FINISHED",
        (top, "trial 2"): "KILLED",
        (top, "trial 2", "fold 0"): "FINISHED",
        (top, "trial 3"): "KILLED",
    }
    with StudyTracker(tracker) as observer:
        tell(observer, study, start=1)
    after = tree(tracker)
    assert {run.info.status for run in after.values()} == {"FINISHED"}
    assert {path: run.info.run_id for path, run in after.items() if path in before} == {
        path: run.info.run_id for path, run in before.items()
    }
    assert len(after) == 1 + 5 + 10
    assert not any("error" in run.data.tags for run in after.values())
    best = history(tracker, after[top,], "best_score")
    assert best == {n: min(t.score or 9.0 for t in study.trials[:n]) for n in range(1, 5)}


def test_trials_that_ended_before_anybody_watched_are_written(tracker: Tracker) -> None:
    study = make_study(3)
    for _ in range(2):  # the second time all is there
        with StudyTracker(tracker) as observer:
            tell(observer, study, start=3)
        assert len(tree(tracker)) == 1 + 4 + 8


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("boom"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (None, "KILLED")]
)
def test_whatever_ends_a_study_none_of_its_runs_goes_on(
    directory: Path, error: BaseException | None, status: str
) -> None:
    tracker, study = Tracker(directory, f"stopped {error!r}"), make_study(2)
    with suppress(ValueError, KeyboardInterrupt), StudyTracker(tracker) as observer:
        observer.begin(replace(study, trials=()))
        observer.trial_began(study.trials[0])
        if error:
            raise error
    runs = tree(tracker)
    assert runs[study.name,].info.status == observer.status == status
    assert runs[study.name, "trial 1"].info.status == "KILLED"


def test_any_names_values_and_lengths_are_taken(tracker: Tracker) -> None:
    trial = replace(make_trial(0), trial_id='it\'s "0" `%`')
    values = {"a[b]%": "x" * 9000, "": None, "deep": {"x": [1, {"y": 2}]}}
    values |= {f"p{n}": n for n in range(230)}
    trial = replace(trial, values=values, error="e" * 9000)
    metrics = {"mase": 0.5, "odd [%]": 0.25, "none": float("nan")}
    trial = replace(trial, folds=(replace(trial.folds[0], metrics=metrics),))
    study = make_study(
        0, study_id="o'neil", space={"a[b]%": {"values": ["y" * 9000]}}, trials=(trial,), best=trial
    )
    for _ in range(2):
        with StudyTracker(tracker) as observer:
            tell(observer, study)
    runs = tree(tracker)
    assert len(runs) == 1 + 2 + 1 + 2
    run = runs[study.name, "trial 1"]
    assert len(run.data.params) >= 233
    assert len(run.data.params["a_b__"]) == 6000
    assert run.data.metrics["odd ___"] == 0.25
    assert "none" not in run.data.metrics


def test_the_description_tells_what_came_out() -> None:
    study = make_study(8, failed=(3,))
    note = study_note(study, ["importance"])
    assert study.best is not None
    assert note.splitlines()[0].endswith(f"mase {study.best.score:.4g} in trial {study.best.number + 1}")
    assert verdict_of(study) == (
        "Better than the default settings: mase 0.81 against 0.84 on held-out origins, 3.6 % less."
    )
    assert verdict_of(study) in note
    ranked = sorted((t for t in study.trials if t.score is not None), key=lambda t: t.score or 0.0)
    rows = [line.split(" | ")[0] for line in note.splitlines() if line.startswith("| ")]
    at = rows.index("| trial")
    assert rows[at + 2 : at + 8] == [*(f"| {trial.number + 1}" for trial in ranked[:5]), "| default"]
    assert "filters 45 %, kernel_size 20 %" in note
    assert "1 trials failed:\n\n- trial 4: ValueError: the look-back is too long" in note
    worse = replace(study, held_out={"best": {"mase": 0.9}, "default": {"mase": 0.8}})
    assert verdict_of(worse).startswith("Not better than the default settings")
    assert verdict_of(replace(worse, verdict="Keep the default.")) == "Keep the default."
    assert "no trial completed" in study_note(make_study(2, failed=(0, 1)))
