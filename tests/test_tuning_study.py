"""A study meets its budget exactly, whatever stops it, and says what came of every trial."""

import contextlib
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuning_cases import SPACE, Calls, Erring, forecaster, panel_of, study_of, told

from pipelines import BusyError, ConfigError, Panel, SearchSpace, tune
from pipelines.tuning.budget import Budget
from pipelines.tuning.comparing import HeldOutScores
from pipelines.tuning.journal import Journal
from pipelines.tuning.records import TrialRecord
from pipelines.tuning.running import Running
from pipelines.tuning.state import snapshots, study_folder

# Without the look-backs that fail.
GOOD = SearchSpace({**SPACE, "lookback": [6, 9, 18]})


def run(study, path, max_trials=9, after=None, workers=1, observers=(), real=False, **budget):
    """Run a study in a folder, until it is stopped after some calls; by default no trial is computed."""
    with study_folder(path) as folder:
        journal = Journal(folder, study.identity)
        clock = iter(range(10**6)).__next__
        budget = Budget(max_trials, **budget)
        return journal, Running(study, journal, budget, Calls(after, real), workers, observers, clock).run()


@given(st.lists(st.integers(0, 6), max_size=4), st.sampled_from(["random", "hyperband"]), st.integers(0, 2))
@settings(max_examples=8, deadline=None)
def test_a_study_that_was_stopped_goes_on_as_if_it_was_not(tmp_path_factory, stops, method, seed):
    path = tmp_path_factory.mktemp("study")
    study = study_of(method, seed)
    for after in stops:
        with contextlib.suppress(KeyboardInterrupt):
            run(study, path, after=after)
    resumed, _ = run(study, path)
    whole, _ = run(study, None)
    assert told(resumed.trials) == told(whole.trials)
    assert told([resumed.default]) == told([whole.default])
    assert len(resumed.trials) == 9
    assert not resumed.running
    again, _ = run(study, path)
    assert again.trials == resumed.trials


def test_bayesian_optimization_goes_on_too(tmp_path):
    study = study_of("bayesian", space=SearchSpace({"filters": [8, 16, 32], "lookback": [6, 9, 18]}))
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path, max_trials=5, after=5)
    assert len(run(study, tmp_path, max_trials=4)[0].trials) == 5  # one was under way, and is counted
    resumed, _ = run(study, tmp_path, max_trials=5)
    assert told(resumed.trials) == told(run(study, None, max_trials=5)[0].trials)


@pytest.mark.parametrize("workers", [1, 3])
def test_observers_are_told_of_everything_once(tmp_path, workers):
    class Noting:
        def __init__(self):
            self.calls = []

        def begin(self, study):
            self.calls.append(("begin", len(study.trials)))

        def trial_began(self, trial):
            assert trial.status == "RUNNING"
            self.calls.append(("began", trial.number))

        def trial_ended(self, trial):
            assert trial.status in ("COMPLETED", "FAILED")
            self.calls.append(("ended", trial.number))

    noting = Noting()
    journal, spent = run(study_of(), tmp_path, max_trials=6, workers=workers, observers=(noting,))
    assert noting.calls[0] == ("begin", 0)
    assert sorted(noting.calls[1:]) == sorted((what, n) for what in ("began", "ended") for n in range(-1, 6))
    assert spent == "6 trials"
    assert [trial.number for trial in journal.trials] == list(range(6))


def test_the_newest_snapshot_may_be_damaged(tmp_path):
    study = study_of()
    run(study, tmp_path, max_trials=4)
    whole, _ = run(study, None, max_trials=6)
    newest = max(snapshots(tmp_path).items())[1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match=r"is damaged; it goes on from state-0000.*the last good one"):
        resumed, _ = run(study, tmp_path, max_trials=6)
    assert told(resumed.trials) == told(whole.trials)


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_a_snapshot_that_was_cut_off_is_no_snapshot(tmp_path_factory, place):
    path = tmp_path_factory.mktemp("study")
    study = study_of()
    run(study, path, max_trials=3)
    newest = max(snapshots(path).items())[1]
    content = newest.read_bytes()
    newest.write_bytes(content[: place % len(content)])
    with pytest.warns(UserWarning, match="is damaged"):
        resumed, _ = run(study, path, max_trials=3)
    assert len(resumed.trials) == 3


def test_without_a_good_snapshot_nothing_is_overwritten(tmp_path):
    study = study_of()
    run(study, tmp_path, max_trials=3)
    for path in snapshots(tmp_path).values():
        path.write_text("{}")
    with pytest.raises(ConfigError, match=r"one good snapshot.*all 3 are damaged; remove the folder"):
        run(study, tmp_path, max_trials=3)


def test_a_draft_that_a_kill_has_left_is_removed(tmp_path):
    study = study_of()
    run(study, tmp_path, max_trials=2)
    (tmp_path / ".state-00000099.json.tmp").write_text("half")
    run(study, tmp_path, max_trials=2)
    assert not list(tmp_path.glob("*.tmp")) + list(tmp_path.glob(".*.tmp"))
    assert len(snapshots(tmp_path)) == 3


def test_one_process_at_a_time(tmp_path):
    code = (
        "import sys\nfrom pipelines.tuning.state import study_folder\n"
        "with study_folder(sys.argv[1]):\n    print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(BusyError, match="another one runs now") as error, study_folder(tmp_path):
            pass
        assert error.value.exit_code == 75
    finally:
        other.communicate("")
    with study_folder(tmp_path):
        pass


def test_failed_trials_say_why_and_the_search_goes_on():
    journal, _ = run(study_of(folds=1), None, max_trials=12, real=True)
    by_lookback = {}
    for trial in journal.trials:
        by_lookback.setdefault(trial.values["lookback"], []).append(trial)
    assert {12, 15} <= by_lookback.keys()
    assert all(trial.error == "A look-back must not be 12." for trial in by_lookback.pop(12))
    for trial in by_lookback.pop(15):
        assert trial.error.startswith("TypeError: a mistake (")
        assert "tuning_cases.py, line " in trial.error
        assert (trial.status, trial.score, trial.folds) == ("FAILED", None, ())
    assert all(trial.status == "COMPLETED" for trials in by_lookback.values() for trial in trials)


@pytest.mark.parametrize(("lookback", "reason"), [(12, "A look-back must not be 12"), (15, "TypeError: a")])
def test_a_study_without_a_completed_trial_fails(lookback, reason):
    space = {"learning_rate": {"low": 1e-4, "high": 1e-2}}
    cause = f"completed trial. Received: 3 trials.*; change what their reasons name .*\\n3 trials: {reason}"
    with pytest.raises(ConfigError, match=cause):
        tune(panel_of(), forecaster(lookback=lookback), space, "random")


@pytest.mark.parametrize("kind", ["values", "range"])
def test_a_look_back_is_no_longer_than_what_there_is_to_learn_from(kind):
    longest = study_of().origins.longest
    assert 50 < longest < 90
    for most in (longest, longest + 1):
        space = {"lookback": ["auto", 18, most] if kind == "values" else {"low": 18, "high": most}}
        refused = pytest.raises(
            ConfigError, match=f"{longest} steps at most.*Received: lookback={most}; leave longer ones out"
        )
        with refused if most > longest else contextlib.nullcontext():
            tune(panel_of(), forecaster(), space, "random", 1, folds=2, objective="mae")


def test_a_score_that_is_no_number_is_none():
    flat = Panel.from_frame(panel_of((90,)).to_frame().assign(y=5.0), 1)
    for panel, status in ((panel_of((90,)), "COMPLETED"), (flat, "FAILED")):
        journal, _ = run(study_of(space=GOOD, objective="mase", panel=panel), None, 1, real=True)
        assert journal.trials[0].status == status
    assert "needs a finite mase in every fold" in journal.trials[0].error


def trial(number, score=1.0, seconds=1.0, error=None):
    status = "RUNNING" if score is None and error is None else "FAILED" if error else "COMPLETED"
    return TrialRecord(str(number), number, {}, status, score, seconds=seconds, error=error)


def test_budgets():
    ten = [trial(n, 5 - n if n < 3 else 4.0, seconds=60) for n in range(10)]
    assert Budget(10).reason(ten, 0) == "10 trials"
    assert Budget(11).reason(ten, 1e9) is None
    assert Budget(None, minutes=15).reason(ten, 14 * 60) is None
    assert Budget(None, minutes=15).reason(ten, 14 * 60 + 1) == "15 minutes"
    assert Budget(None, minutes=1e-6).reason([], 1e9) is None  # one trial is owed
    assert Budget(20, patience=7).reason(ten, 0) == "7 trials without gain"
    assert Budget(20, patience=8).reason(ten, 0) is None
    alike = [trial(n, None, error="no") for n in range(3)]
    assert Budget(20).reason(alike, 0) == "the first trials failed for the same reason"
    assert Budget(20).reason([*alike[:2], trial(2, None, error="other")], 0) is None
    assert Budget(20).reason([*alike[:2], trial(2), *alike], 0) is None


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [
        ({"max_trials": 0}, "pass 1 or more, or None for no limit"),
        ({"patience": -1}, "pass 1 or more, or None for no limit"),
        ({"minutes": 0}, "pass some minutes, such as 0.5, or None for no limit"),
        ({"max_trials": None}, "set one"),
    ],
)
def test_a_budget_that_is_none_says_what_to_pass(wrong, cure):
    with pytest.raises(ConfigError, match=f"Received: .*; {cure}"):
        Budget(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_trials": 0},
        {"max_trials": 1.5},
        {"max_trials": None},
        {"budget_minutes": 0},
        {"budget_minutes": "4"},
        {"patience": 0},
        {"objective": "mape"},
        {"method": "grid"},
        {"folds": 0},
        {"folds": 99},
        {"space": "all"},
        {"space": {"filter": [1, 2]}},
        {"space": {"filters": [0, 2]}},
        {"space": {"max_steps": [1, 2]}, "method": "hyperband"},
        {"workers": 0},
    ],
    ids=str,
)
def test_what_is_not_allowed_is_said_before_anything_is_trained(wrong, tmp_path):
    class Untouched(Erring):
        def backtest(self, *arguments, **others):
            raise AssertionError("trained")

    with pytest.raises(ConfigError, match="Received"):
        tune(panel_of(), Untouched(**forecaster().get_params()), **{"space": GOOD, **wrong})


def test_a_minute_that_was_spent_before_a_kill_counts(tmp_path):
    """The clock goes on by a second each time somebody looks."""
    study = study_of(space=GOOD)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path, max_trials=None, minutes=1, after=5)
    before = max(snapshots(tmp_path).items())[1].read_text().split("\n", 1)[1]
    elapsed = json.loads(before)["elapsed"]
    assert elapsed > 5
    resumed, spent = run(study, tmp_path, max_trials=None, minutes=1)
    whole, _ = run(study, None, max_trials=None, minutes=1)
    assert spent == "1 minute"
    assert resumed.elapsed == pytest.approx(whole.elapsed, abs=4)
    assert 5 < len(resumed.trials) <= len(whole.trials)


def test_what_was_found(tmp_path):
    arguments = {"space": GOOD, "method": "random", "max_trials": 9, "objective": "mae", "folds": 1}
    tuned = tune(panel_of(), forecaster(), **arguments, directory=tmp_path)
    results = tuned.results
    assert list(results.columns) == ["trial", "status", "score", *GOOD, "seconds", "error"]
    best = results.loc[results["score"].idxmin()]
    assert best["filters"] == 32
    assert best["lookback"] == results.loc[results["filters"] == 32, "lookback"].min()
    assert tuned.best_params["filters"] == 32
    assert tuned.best.ordinal == best["trial"]
    assert sum(tuned.importance.values()) == pytest.approx(1)
    assert next(iter(tuned.importance)) == "filters"
    assert tuned.record.default.trial_id == "default"
    assert tuned.record.default.values.keys() == GOOD.keys()
    assert (tuned.record.series, tuned.record.rows) == (panel_of().n_series, panel_of().n_rows)
    assert tuned.held_out.beats
    assert tuned.record.p_value == tuned.held_out.p_value
    assert tuned.record.verdict.startswith("The best beats the default on ")
    assert tuned.record.held_out["best"]["mae"] < tuned.record.held_out["default"]["mae"]
    assert {"best", "default", "SeasonalNaive"} == tuned.record.held_out.keys()
    fitted = tuned.best_forecaster()
    assert isinstance(fitted, Erring)
    assert fitted.panel_ == panel_of()
    assert {name: getattr(fitted, name) for name in GOOD} == tuned.best_params
    # The same again is what was kept, and a larger budget goes on with it.
    more = tune(panel_of(), forecaster(), **{**arguments, "max_trials": 10}, directory=tmp_path)
    pd.testing.assert_frame_equal(more.results[:9], results)
    assert len(list(tmp_path.iterdir())) == 1
    tune(panel_of(), forecaster(), **{**arguments, "max_trials": 1}, seed=1, directory=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("freq", "ids"), [(1, ["a", "b"]), ("D", [7, 8]), ("MS", [7, "7"])])
def test_what_was_compared_is_kept_as_it_was(freq, ids, tmp_path):
    stamps = range(90) if freq == 1 else pd.date_range("2020-01-01", periods=90, freq=freq, tz="Asia/Tokyo")
    frame = pd.concat(
        pd.DataFrame({"unique_id": np.array([name] * 90, object), "ds": stamps, "y": part["y"].to_numpy()})
        for name, (_, part) in zip(ids, panel_of().to_frame().groupby("unique_id"), strict=True)
    )
    prepared = []
    first, again = (
        tune(
            frame, forecaster(freq=freq), GOOD, "random", 2, folds=1, directory=tmp_path,
            prepare=lambda: prepared.append(1),
        )
        for _ in range(2)
    )  # fmt: skip
    assert prepared == [1]
    assert again.record == first.record
    scores = (first.held_out.scores, again.held_out.scores)
    for name in ("overall", "by_series", "by_step", "by_cutoff", "skill"):
        pd.testing.assert_frame_equal(*(getattr(each, name) for each in scores), obj=name)
    assert again.held_out.sentence == first.held_out.sentence


def test_a_best_that_is_worse_is_said_to_be(tmp_path):
    tuned = tune(panel_of(), forecaster(filters=32), {"lookback": [6, 9]}, "random", 2, objective="mae")
    assert not tuned.held_out.beats
    assert tuned.record.verdict.startswith("The best does not beat the default on ")
    assert tuned.record.verdict.endswith("Keep the default.")
    same = tune(panel_of(), forecaster(filters=32), {"filters": [8, 32]}, "random", 2, objective="mae")
    assert same.record.held_out["best"] == same.record.held_out["default"]


def test_two_studies_share_nothing_but_what_is_the_same():
    ids = {
        study_of(**{"space": GOOD, **other}).study_id
        for other in (
            {}, {"seed": 1}, {"method": "bayesian"}, {"folds": 1}, {"objective": "wql"}, {"space": SPACE},
            {"panel": panel_of((90, 91))}, {"head": "normal"}, {"learning_rate": 0.1},
        )
    }  # fmt: skip
    assert len(ids) == 9
    assert study_of(space=SearchSpace(GOOD.to_dict())).study_id in ids


@pytest.mark.parametrize(("naive", "told"), [(0.01, "SeasonalNaive errs less than both: 0.01"), (0.9, None)])
def test_a_baseline_that_errs_less_is_told(naive, told):
    overall = pd.DataFrame({"wql": {"best": 0.5, "default": 0.4, "SeasonalNaive": naive}})
    sentence = HeldOutScores(SimpleNamespace(overall=overall), "wql", 4).sentence
    assert "Keep the default." in sentence
    assert told in sentence if told else "errs less" not in sentence


def test_a_transform_must_suit_the_rows_that_are_held_out_too():
    frame = panel_of((90,)).to_frame().assign(y=lambda frame: frame["y"].abs() + 1)
    frame.loc[frame.index[-2], "y"] = 0.0
    with pytest.raises(ConfigError, match="Leave 'log' out of the space"):
        tune(frame, forecaster(), {"transform": [None, "log"]}, max_trials=1)
    tuned = tune(frame, forecaster(), "auto", max_trials=1, folds=1)
    assert "log" not in str(tuned.record.space["transform"])


def test_what_is_left_to_the_plan_is_told_of_the_default():
    space = {
        "dilations": [[1], [1, 2]],
        "filters": [2, 4],
        "head": ["quantile", "normal"],
        "scaling": ["origin", "global"],
        "max_steps": [9, 18],
    }
    study = study_of(space=SearchSpace(space))
    plan = study.forecaster.plan(study.origins.rows)
    assert study.default_values() == {
        "dilations": plan.dilations,
        "filters": plan.filters,
        "head": "quantile",
        "scaling": "origin",
        "max_steps": 9,
    }


def test_hyperband_with_few_trials_says_that_none_is_trained_in_full():
    with pytest.warns(UserWarning, match="one of its first 13 trials with all steps. Received: max_trials=2"):
        tune(panel_of(), forecaster(), GOOD, method="hyperband", max_trials=2, folds=1)
