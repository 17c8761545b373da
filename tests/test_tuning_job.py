"""``tcn tune``: a search from data to a published forecaster, stopped and continued."""

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace

import jobs_stand_in
import pandas as pd
import pytest
from jobs_stand_in import make_frame
from served_bundles import served_bundle
from tuning_cases import Erring, study_of, told
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.jobs import Request, Searching, run_tune
from pipelines.jobs.results_folder import read_manifest, results_folder
from pipelines.jobs.stages import Silent
from pipelines.jobs.tuning import STATE
from pipelines.tracking import Tracker
from pipelines.tuning import SearchSpace
from pipelines.tuning.budget import Budget
from pipelines.tuning.executing import open_executor
from pipelines.tuning.journal import Journal
from pipelines.tuning.running import Running
from pipelines.tuning.state import StudyFolder

SPACE = SearchSpace({"filters": [8, 16, 32], "lookback": [6, 9, 12]})
REQUEST = Request("sales.csv", horizon=3, season_length=6, levels=(80.0,))
HOW = Searching(SPACE, "random", max_trials=4, objective="mae", folds=2)
SHORT = Searching(SPACE, "random", max_trials=3, objective="mae", folds=1)


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch, tmp_path):
    jobs_stand_in.install(monkeypatch.setattr)
    monkeypatch.setattr("pipelines.jobs.task.Forecaster", Erring)
    # A process of its own does not know the stand-ins.
    monkeypatch.setattr("pipelines.cli.tuning.WORKERS", None)
    monkeypatch.chdir(tmp_path)
    make_frame((90, 90), 6).to_csv("sales.csv", index=False)
    (tmp_path / "space.toml").write_text("filters = [8, 16, 32]\nlookback = [6, 9, 12]")
    (tmp_path / "long.toml").write_text("lookback = [6, 99]")


def tcn(*arguments):
    return CliRunner().invoke(app, ["tune", *(str(part) for part in arguments)])


def tune(*arguments):
    shared = ("--horizon", 3, "--season-length", 6, "--levels", 80, "--no-track")
    shared += ("--space", "space.toml", "--folds", 2)
    search = ("--method", "random", "--max-trials", 4, "--objective", "mae")
    return tcn("sales.csv", *shared, *search, *arguments)


def test_a_search_is_published_as_a_whole(tmp_path):
    outcome = run_tune(REQUEST, "tuned", HOW)
    assert [path.name for path in outcome.files] == ["bundle", "study.html", "study.json", "trials.csv"]
    names = {name.partition("/")[0] for name in read_manifest(tmp_path / "tuned")}
    assert names == {path.name for path in outcome.files}
    trials = pd.read_csv("tuned/trials.csv")
    assert trials["trial"].tolist() == [1, 2, 3, 4]
    assert trials["filters"].tolist() == outcome.tuned.results["filters"].tolist()
    study = json.loads((tmp_path / "tuned" / "study.json").read_text())
    assert [trial["number"] for trial in study["trials"]] == [1, 2, 3, 4]
    assert [int(trial["trial_id"]) for trial in study["trials"]] == [1, 2, 3, 4]
    assert trials["score"].idxmin() + 1 == study["best"]["number"]
    assert study["default"]["number"] == 0
    assert study["best_params"] == outcome.tuned.best_params
    assert study["verdict"] == outcome.tuned.record.verdict
    assert study["held_out_scores"]["overall"]["best"]["mae"] == study["held_out"]["best"]["mae"]
    page = (tmp_path / "tuned" / "study.html").read_text()
    assert outcome.tuned.record.verdict in page
    assert page.count("<td>lookback") == 0 < page.count("<th>lookback")
    assert page.count('class="plotly-graph-div"') >= 3
    best = Erring.load("tuned/bundle")
    assert {name: getattr(best, name) for name in SPACE} == outcome.tuned.best_params
    assert best.panel_.n_rows == 180


def test_the_same_command_goes_on(tmp_path, monkeypatch):
    whole = json.loads(tune("--json", "--output", "whole").stdout)
    real, calls = Erring.backtest, []

    def stopped(self, *arguments, **others):
        calls.append(self)
        if len(calls) == 4:  # amid the third trial
            raise KeyboardInterrupt
        return real(self, *arguments, **others)

    with monkeypatch.context() as patched:
        patched.setattr(Erring, "backtest", stopped)
        result = tune("--output", "tuned")
    assert result.exit_code == 130
    assert "Interrupted. The study is kept: the same command goes on with it." in result.stderr
    assert not (tmp_path / "tuned" / "trials.csv").exists()
    result = tune("--output", "tuned", "--json")
    assert "note: the study goes on after 2 trials" in result.stderr
    assert "note: trial 3 of 4: " in result.stderr
    assert "note: trial 2 of 4: " not in result.stderr
    resumed = json.loads(result.stdout)
    for record in (whole, resumed):
        assert [trial["status"] for trial in record["trials"]] != []
        for trial in (*record["trials"], record["default"], record["best"]):
            del trial["seconds"]
        for name in ("seconds", "files"):
            del record[name]
    assert resumed == whole


def contents(folder):
    """Every file of a folder of results; the manifest names them all with their checksums."""
    return {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and STATE not in path.parts
    }


def test_the_same_search_of_two_people_is_two_studies_in_their_store():
    for output in ("hers", "his", "hers"):
        run_tune(REQUEST, output, SHORT, store="runs")
    tracker = Tracker("runs")
    for kind, count in (("study", 2), ("trial", 8)):
        found = [run.info.status for run in tracker.find_runs("tcn.kind", kind)]
        assert (len(found), {"KILLED", "RUNNING"} & {*found}) == (count, set())
    for run in tracker.find_runs("tcn.kind", "study"):
        points = tracker._client.get_metric_history(run.info.run_id, "trials")
        assert {point.value for point in points} == {3}


def test_a_search_that_has_ended_is_not_trained_again(tmp_path, monkeypatch):
    run_tune(REQUEST, "tuned", SHORT)
    before = contents(tmp_path / "tuned")
    trained = []

    class Counting(Erring):
        def fit(self, *arguments, **others):
            trained.append(self.alias)
            return super().fit(*arguments, **others)

        def backtest(self, *arguments, **others):
            trained.append(self.alias)
            return super().backtest(*arguments, **others)

    monkeypatch.setattr("pipelines.jobs.task.Forecaster", Counting)
    monkeypatch.setattr("pipelines.jobs.fitting._find_devices", None)  # nor is TensorFlow imported
    run_tune(REQUEST, "tuned", SHORT)
    assert contents(tmp_path / "tuned") == before
    assert trained == []
    monkeypatch.setattr("pipelines.jobs.fitting._find_devices", lambda: None)
    # What is damaged counts for nothing, and nor does what another search has published.
    (tmp_path / "tuned" / "bundle" / "state.json").write_text("{}")
    run_tune(REQUEST, "tuned", SHORT)
    assert contents(tmp_path / "tuned") == before
    assert trained == ["TCN"]
    [kept] = (tmp_path / "tuned" / STATE).glob("*/held-out.kept")
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    run_tune(REQUEST, "tuned", SHORT)
    assert contents(tmp_path / "tuned") == before
    assert trained == ["TCN", "default", "default", "best", "best"]
    run_tune(replace(REQUEST, seed=1), "tuned", SHORT)
    del trained[:]
    run_tune(REQUEST, "tuned", SHORT)
    assert contents(tmp_path / "tuned") == before
    assert trained == ["TCN"]


def test_libraries_that_write_to_the_terminal_are_loaded_in_a_stage_of_their_own(monkeypatch):
    loaded, stage = [], []

    class Watching(Silent):
        @contextmanager
        def loading(self, library):
            stage.append(library)
            yield
            stage.pop()

    monkeypatch.setattr("pipelines.jobs.tuning.load_oracles", lambda: loaded.append(stage[-1]))
    run_tune(REQUEST, "tuned", SHORT, progress=Watching())
    assert loaded == ["keras-tuner"]
    run_tune(REQUEST, "tuned", SHORT, progress=Watching())
    assert loaded == ["keras-tuner"]  # a search that has ended does not need it


def test_a_search_that_has_ended_keeps_its_runs_and_its_version(quick_stores, tmp_path, monkeypatch):
    monkeypatch.setattr(Erring, "save", lambda self, path: shutil.copytree(served_bundle(), path))
    seen = []
    for _ in range(2):
        outcome = run_tune(REQUEST, "tuned", SHORT, store="tuned", register="sales")
        alias = "champion" if outcome.tuned.held_out.beats else "challenger"
        assert (outcome.registered.version, outcome.registered.aliases) == ("1", (alias,))
        assert outcome.registered.run_id == outcome.run_id
        client = Tracker("tuned")._client
        runs = client.search_runs([client.get_run(outcome.run_id).info.experiment_id])
        seen.append({run.info.run_id: (run.info.status, run.data.params, run.data.metrics) for run in runs})
    assert seen[0] == seen[1]
    parts = (*outcome.tuned.record.trials, outcome.tuned.record.default)
    assert len(seen[0]) == 1 + len(parts) + sum(len(trial.folds) for trial in parts)
    assert {status for status, _, _ in seen[0].values()} == {"FINISHED", "FAILED"}


def test_the_answer_says_what_was_found():
    result = tune("--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    result = tune()
    assert result.exit_code == 0, result.output
    assert "sales: 4 trials, ended by 4 trials" in result.stdout
    assert "tuned/bundle" in result.stdout
    assert "default" in result.stdout
    record = json.loads(tune("--json").stdout)
    assert record["verdict"] in result.stdout
    assert record["command"] == "tune"
    assert record["tracking"] is None
    assert record["beats_default"] is (
        record["held_out"]["best"]["mae"] < record["held_out"]["default"]["mae"]
    )
    assert len(record["trials"]) == 4
    assert record["spent"] == "4 trials"


def test_data_are_named_once():
    arguments = ("--horizon", 3, "--season-length", 6, "--no-track", "--space", "space.toml", "--quiet")
    assert tcn("--data", "sales.csv", "--max-trials", 3, *arguments).exit_code == 0
    assert tcn("sales.csv", "--data", "sales.csv", *arguments).exit_code == 64
    assert tcn(*arguments).exit_code == 64


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--space", "sales.csv"), 78, "must be a TOML file"),
        (("--folds", 99), 78, "folds=99 do not fit"),
        (("--budget-minutes", 0), 78, "budget_minutes must be a positive number or None. Received: 0.0;"),
        (("--space", "long.toml"), 78, "lookback=99; leave longer ones out"),
        (("--horizon", 80), 65, "Nothing was held out"),
        (("--method", "grid"), 64, "grid"),
        (("--max-trials", 0), 64, "max-trials"),
        (("--output", "sales.csv"), 78, "sales.csv"),
    ],
)
def test_mistakes_end_before_anything_is_trained(arguments, code, text, monkeypatch):
    monkeypatch.setattr(Erring, "backtest", None)
    result = tune(*arguments)
    assert result.exit_code == code
    assert text in result.stderr


def test_a_budget_that_is_not_allowed_leaves_no_folder(tmp_path):
    for limit in (("--budget-minutes", -1), ("--budget-minutes", "nan")):
        assert tune(*limit, "--output", tmp_path / "tuned").exit_code == 78
        assert not (tmp_path / "tuned").exists()


def test_a_folder_that_another_process_writes_to_ends_with_75(tmp_path):
    with results_folder(tmp_path / "tuned"):
        result = tune()
    assert result.exit_code == 75


def test_no_completed_trial_is_an_error():
    result = tune("--max-trials", 2, "--space", "failing.toml")
    assert result.exit_code == 78
    with open("failing.toml", "w") as file:
        file.write("lookback = [12, 15]")
    result = tune("--max-trials", 2, "--space", "failing.toml")
    assert result.exit_code == 78
    assert "needs a completed trial. Received: 2 trials, all of which failed; change what" in result.stderr
    assert "1 trial: TypeError: a mistake" in result.stderr


def test_trials_of_several_processes_are_those_of_one():
    class Counting:
        """Counts the trials that are under way."""

        now = most = 0

        def begin(self, study):
            """Nothing is under way."""

        def trial_began(self, trial):
            self.now += 1
            self.most = max(self.most, self.now)

        def trial_ended(self, trial):
            self.now -= 1

    study, journals = study_of(space=SPACE), []
    for workers, kind in ((1, None), (2, "processes")):
        counting = Counting()
        with open_executor(workers, kind) as executor:
            journal = Journal(StudyFolder(None), study.identity)
            clock = iter(range(999)).__next__
            Running(study, journal, Budget(4), executor, workers, (counting,), clock).run()
        journals.append(journal)
        assert (counting.now, counting.most) == (0, workers)
    assert told(journals[0].trials) == told(journals[1].trials)
    assert {trial.status for trial in journals[0].trials} == {"COMPLETED", "FAILED"}


def test_a_tracker_is_told_of_the_study(monkeypatch):
    class Noting:
        run_id = "run"

        def __init__(self, tracker, draw, versions, place):
            self.tracker, self.calls, self.draw = tracker, [], draw
            made.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.calls.append("closed")

        def __getattr__(self, name):
            return lambda record: self.calls.append((name, record))

    made = []
    monkeypatch.setattr("pipelines.jobs.tuning.open_tracker", lambda store, output, strict: store)
    monkeypatch.setattr("pipelines.tracking.StudyTracker", Noting)
    outcome = run_tune(REQUEST, "tuned", HOW, store="runs")
    [noting] = made
    assert (outcome.run_id, noting.tracker) == ("run", "runs")
    assert [call[0] for call in noting.calls[:-1]] == ["begin", *["trial_began", "trial_ended"] * 5, "end"]
    assert noting.calls[-1] == "closed"
    assert noting.calls[-2][1] == outcome.tuned.record
    assert {"parallel_coordinates", "best_score"} <= noting.draw(outcome.tuned.record).keys()
