"""Runs: what a fit and a forecast leave in an MLflow store, in a directory and on a server alike."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from mlflow_http import http_server

from pipelines.errors import PanelError
from pipelines.results import ForecastResult
from pipelines.tracking import TrackedRun, Tracker
from pipelines.tracking.quiet import quiet
from pipelines.tracking.records import MAX_POINTS, metrics_of
from pipelines.verdict import verdict

MODELS = ("TCN", "SeasonalNaive", "Naive", "Drift", "WindowAverage")
METRICS = ("mae", "rmse", "mase", "wql", "coverage_80", "width_80", "coverage_95", "width_95")


def make_result(
    ids: Sequence[Any] = ("a", "b", "c"), horizon: int = 14, n_windows: int = 3, **fields: Any
) -> ForecastResult:
    """Make a record in which every number differs from the others; ``fields`` replace those of the result."""
    rng = np.random.default_rng(0)
    columns = fields.get("columns", ("unique_id", "ds", "y"))
    days = pd.date_range("2024-01-01", periods=30 + horizon).to_numpy()

    def frame(stamps: Any, *names: str) -> pd.DataFrame:
        keys = {
            columns[0]: np.repeat(np.array(ids, dtype=object), len(stamps)),
            columns[1]: np.tile(stamps, len(ids)),
        }
        return pd.DataFrame(keys | {name: rng.uniform(1, 9, len(ids) * len(stamps)) for name in names})

    def scores(**keys: Sequence[Any]) -> pd.DataFrame:
        rows = pd.MultiIndex.from_product(keys.values(), names=keys.keys()).to_frame(index=False)
        return rows.assign(**{name: rng.uniform(0, 1, len(rows)) for name in METRICS})

    cutoffs = days[:n_windows]
    skill = {"skill_mae": 0.25, "skill_wql": 0.3, "p_value": 0.0004, "series_won": 0.88, "significant": True}
    skill["test"] = "Diebold-Mariano"
    tables = SimpleNamespace(
        overall=scores(model=MODELS).set_index("model"),
        by_series=scores(**{"model": MODELS, columns[0]: ids}),
        by_step=scores(model=MODELS, step=range(1, horizon + 1)),
        by_cutoff=scores(model=MODELS, cutoff=cutoffs),
        skill=pd.DataFrame(skill, index=pd.Index(MODELS, name="model")),
        shift={"verdict": "ok", "text": "The forecasts do not repeat the last value.", "lag": 1},
        counts={"rows": 90, "rows_without_y": 0, "series": len(ids)},
    )
    model = ("TCN", "TCN-lo-80", "TCN-hi-80")
    made: dict[str, Any] = {
        "name": "Visitors by shop",
        "forecast": frame(days[-horizon:], *model),
        "history": frame(days[:30], columns[2]),
        "backtest": frame(cutoffs, columns[2], *model).assign(cutoff=days[0]),
        "scores": tables if n_windows else None,
        "horizon": horizon,
        "settings": {"horizon": horizon, "seed": 0, "preset": "default", "time_budget": None},
        "plan": {"rows": 90, "network": {"dilations": [1, 2, 4, 8], "receptive_field": 61}},
        "versions": {"keras": "3.15.1"},
        "training": [
            {"step": 100 * k, "loss": 1 / k, "learning_rate": 1e-3, "seconds": k} for k in range(1, 21)
        ],
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "season_length": 7,
        "freq": "D",
        "seconds": {"fit": 41.3, "backtest": 0.62},
        "rows": 1234,
        "calibration": {"shrink": 0.9, "widen": 1.25},
    }
    return ForecastResult(**(made | fields))


def with_scores(result: ForecastResult, **tables: Any) -> ForecastResult:
    return replace(result, scores=cast(Any, SimpleNamespace(**(vars(result.scores) | tables))))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of MLflow's server, which takes artifacts over HTTP."""
    with http_server() as http:
        http.start()
        yield http.address
        http.stop()


@pytest.fixture(scope="module")
def directory(quick_stores: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def tracker(directory: Path) -> Tracker:
    return Tracker(directory, "tests")


def stored(tracker: Tracker, run: TrackedRun) -> Any:
    return tracker._client.get_run(run.run_id)


def history(tracker: Tracker, run: TrackedRun, name: str) -> dict[int, float]:
    return {point.step: point.value for point in tracker._client.get_metric_history(run.run_id, name)}


def artifacts(tracker: Tracker, run: TrackedRun, path: str | None = None) -> list[str]:
    found: list[str] = []
    for item in tracker._client.list_artifacts(run.run_id, path):
        found += artifacts(tracker, run, item.path) if item.is_dir else [item.path]
    return sorted(found)


def download(tracker: Tracker, run: TrackedRun, path: str, to: Path) -> Path:
    with quiet():
        return Path(tracker._client.download_artifacts(run.run_id, path, str(to)))


def write(tracker: Tracker, result: ForecastResult, **arguments: Any) -> TrackedRun:
    with tracker.start_run(result.name) as run:
        run.log_result(result, **arguments)
    assert run.status == "FINISHED"
    return run


@pytest.mark.parametrize("where", ["directory", "server"])
def test_a_forecast_is_recorded_whole(
    where: str, request: pytest.FixtureRequest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tracker = Tracker(request.getfixturevalue(where), "whole")
    before = dict(os.environ)
    result = make_result(horizon=14)
    report = tmp_path / "report.html"
    report.write_text("<h1>Report</h1>")
    figure = go.Figure(go.Scatter(y=[1, 3, 2]))
    with tracker.start_run("shops", tags={"team": "sales"}) as run:
        for record in result.training[:10]:
            run.log_epoch(record)
        run.log_result(result, figures={"fan chart": figure}, report_path=report)
    assert dict(os.environ) == before
    assert capfd.readouterr() == ("", "")

    info = stored(tracker, run)
    assert info.info.status == run.status == "FINISHED"
    assert info.info.end_time >= info.info.start_time
    params = info.data.params
    wanted = {
        "horizon": "14",
        "freq": "D",
        "season_length": "7",
        "series": "3",
        "rows": "1234",
        "seed": "0",
        "preset": "default",
    }
    assert wanted.items() <= params.items()
    assert params["cutoff"] == str(result.history["ds"].max())
    assert params["data_digest"] == result.digest
    assert params["plan.network.dilations"] == "[1, 2, 4, 8]"
    assert params["versions.keras"] == "3.15.1"
    assert params["receptive_field"] == params["plan.network.receptive_field"] == "61"

    metrics = info.data.metrics
    overall = result.scores.overall
    for name in ("mae", "mase", "wql", "coverage_80", "width_95"):
        assert metrics[name] == overall.loc["TCN", name]
        assert metrics[f"SeasonalNaive/{name}"] == overall.loc["SeasonalNaive", name]
    assert metrics["skill_mae"] == result.scores.skill.loc["TCN", "skill_mae"]
    assert metrics["seconds/fit"] == 41.3
    assert (metrics["calibration/shrink"], metrics["calibration/widen"]) == (0.9, 1.25)
    assert history(tracker, run, "train/loss") == {
        record["step"]: record["loss"] for record in result.training
    }
    by_step = result.scores.by_step.set_index(["model", "step"])["mae"]
    assert history(tracker, run, "mae_by_step") == by_step["TCN"].to_dict()
    assert history(tracker, run, "Naive/mae_by_step") == by_step["Naive"].to_dict()
    assert list(history(tracker, run, "mase_by_cutoff")) == [0, 1, 2]

    (dataset,) = info.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == (result.name, result.digest[:12])
    assert "unique_id" in dataset.dataset.schema
    assert json.loads(dataset.dataset.profile) == {"num_rows": 1234, "num_series": 3}
    assert {tag.key: tag.value for tag in dataset.tags} == {"mlflow.data.context": "training"}

    tags = info.data.tags
    assert (tags["team"], tags["model"], tags["shift"]) == ("sales", "TCN", "ok")
    assert tags["verdict"] == verdict(result.scores, "TCN", result.levels).label
    shown = {table["path"] for table in json.loads(tags["mlflow.loggedArtifacts"])}
    assert shown == {"tables/scores.json", "tables/worst_series.json", "tables/forecast.json"}
    assert {"report.html", "figures/fan chart.html", *shown} <= set(artifacts(tracker, run))
    for name, frame in {"backtest": result.backtest, "recent_history": result.history}.items():
        table = pd.read_parquet(download(tracker, run, f"data/{name}.parquet", tmp_path))
        pd.testing.assert_frame_equal(table, frame, check_dtype=False)
    assert "data/history.parquet" not in artifacts(tracker, run)
    page = download(tracker, run, "figures/fan chart.html", tmp_path).read_text()
    assert 'src="http' not in page
    assert len(page) > 1_000_000  # the library is in the page: charts show without a network


def test_the_description_tells_the_story(tracker: Tracker) -> None:
    result = make_result(name="Sales | all shops")
    with tracker.start_run("story") as run:
        run.log_result(result, figures={}, report_path=None)
    note = stored(tracker, run).data.tags["mlflow.note.content"]
    judged = verdict(result.scores, "TCN", result.levels)
    assert note.startswith("## Sales \\| all shops: 14 steps ahead for 3 series")
    assert all(text in note for text in (judged.label, judged.headline, *judged.details))
    assert "do not repeat the last value" in note
    header, rule, *rows = (line for line in note.splitlines() if line.startswith("|"))
    assert header == "| model | mase | mae | rmse | wql | coverage_80 | coverage_95 |"
    assert [row.split(" | ")[0] for row in rows[: len(MODELS)]] == [f"| {model}" for model in MODELS]
    assert header.count("|") == rule.count("|") == rows[0].count("|")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, None])
def test_what_is_undefined_is_left_out(value: float | None) -> None:
    result = make_result()
    overall = result.scores.overall.copy()
    overall.loc["TCN", "mase"] = value
    by_step = result.scores.by_step.copy()
    by_step.loc[(by_step["model"] == "TCN") & (by_step["step"] == 2), "mase"] = value
    points = metrics_of(with_scores(result, overall=overall, by_step=by_step))
    assert all(np.isfinite(point.value) for point in points)
    assert "mase" not in {point.name for point in points}
    assert {"mae", "SeasonalNaive/mase"} <= {point.name for point in points}
    assert [p.step for p in points if p.name == "mase_by_step"] == [1, *range(3, 15)]


def test_every_score_becomes_exactly_one_metric() -> None:
    result = make_result(horizon=48)
    points = metrics_of(result)
    n_metrics, n_models = result.scores.overall.shape[1], len(MODELS)
    counted = {
        axis: sum(point.name.endswith(f"_by_{axis}") for point in points) for axis in ("step", "cutoff")
    }
    assert counted == {"step": n_metrics * n_models * 48, "cutoff": n_metrics * 3}
    assert len({(point.name, point.step) for point in points}) == len(points)


def test_long_curves_are_thinned_but_keep_their_ends() -> None:
    result = make_result(ids=["a"], horizon=720)
    steps = [point.step for point in metrics_of(result) if point.name == "mae_by_step"]
    assert len(steps) == MAX_POINTS
    assert (steps[0], steps[-1]) == (1, 720)
    assert max(np.diff(steps)) <= 4


def test_many_metrics_take_few_round_trips(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_result(horizon=48)
    with quiet():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    calls: list[int] = []
    original = SqlAlchemyStore.log_batch

    def counted(self: Any, run_id: str, metrics: list[Any], params: list[Any], tags: list[Any]) -> None:
        calls.append(len(metrics))
        original(self, run_id, metrics, params, tags)

    monkeypatch.setattr(SqlAlchemyStore, "log_batch", counted)
    write(tracker, result)
    expected = len(metrics_of(result)) + 3 * len(result.training)
    assert sum(calls) == expected > 2000
    assert len(calls) <= expected // 1000 + 4


class Boom(PanelError):
    """An error with a text that a tag cannot hold."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Boom("series 'B' " + "x" * 9000), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(143), "KILLED"),
    ],
)
def test_an_error_ends_the_run_and_goes_on(tracker: Tracker, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)) as caught, tracker.start_run("fails") as run:
        raise error
    assert caught.value is error
    info = stored(tracker, run)
    assert info.info.status == run.status == status
    assert info.data.tags["error"].startswith(f"{type(error).__name__}: {error}"[:100])
    assert info.info.end_time is not None


def failing(*args: Any, **kwargs: Any) -> None:
    raise OSError("the server is down")


def test_a_store_that_fails_for_a_while_loses_no_epoch(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with tracker.start_run("patient") as run:
        run.log_epoch({"step": 1, "loss": 3.0})
        with monkeypatch.context() as patch:
            patch.setattr(run._client, "log_batch", failing)
            run.log_epoch({"step": 2, "loss": 2.0})
            run.log_epoch({"step": 3, "loss": 1.0})
    assert history(tracker, run, "train/loss") == {1: 3.0, 2: 2.0, 3: 1.0}
    assert [record.message for record in caplog.records if "Epochs cannot be logged" in record.message] != []
    assert len(caplog.records) == 1


def test_epochs_that_cannot_be_stored_at_the_end_fail_the_run(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Tracker(directory, "tests")
    run = tracker.start_run("lost")
    monkeypatch.setattr(run._client, "log_batch", failing)
    run.log_epoch({"step": 1, "loss": 3.0})
    with pytest.raises(OSError, match="server is down"), run:
        pass
    assert stored(tracker, run).info.status == "FAILED"


def test_a_store_that_fails_hides_no_error_of_the_caller(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Tracker(directory, "tests")
    run = tracker.start_run("lost")
    monkeypatch.setattr(run._client, "set_tag", failing)
    with pytest.raises(PanelError, match="bad"), run:
        raise PanelError("bad")
    assert "could not be ended" in caplog.text


MIXED = ("a", 7, 2.5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"ids": MIXED},
        {"ids": (1, 2, 3), "freq": "1"},
        {"columns": ("shop", "day", "sales")},
        {"n_windows": 0},
        {"ids": ["only"]},
        {"digest": "", "training": (), "plan": {}, "settings": {}, "versions": {}, "seconds": {}},
        {"name": "", "levels": ()},
        {"name": "x" * 600},
    ],
    ids=lambda arguments: "-".join(arguments),
)
def test_any_panel_can_be_recorded(tracker: Tracker, tmp_path: Path, arguments: dict[str, Any]) -> None:
    result = make_result(**arguments)
    columns = result.forecast.columns.tolist()
    run = write(tracker, result)
    table = pd.read_parquet(download(tracker, run, "data/forecast.parquet", tmp_path))
    assert table.columns.tolist() == columns
    assert (
        table[result.columns[0]].astype(str).tolist()
        == result.forecast[result.columns[0]].astype(str).tolist()
    )
    np.testing.assert_array_equal(table["TCN"], result.forecast["TCN"])


def test_a_certificate_is_in_the_run(tracker: Tracker) -> None:
    result = make_result()
    certificate = {"cutoffs": ["a", "b"], "of_cutoffs": 3, "compared": 840, "moved": 0, "bits": 0}
    result.backtest.attrs["certificate"] = certificate | {"holds": True, "seed": 0, "sha256": "ab12"}
    found = stored(tracker, write(tracker, result)).data
    assert (found.tags["certificate"], found.tags["certificate_sha256"]) == ("holds", "ab12")
    assert (found.metrics["certificate/holds"], found.metrics["certificate/compared"]) == (1, 840)
    assert "Certified at 2 of 3 cutoffs" in found.tags["mlflow.note.content"]
    certificate |= {"holds": False, "moved": 4, "bits": 9, "seed": 0, "sha256": "cd34"}
    result.backtest.attrs["certificate"] = certificate
    run = write(tracker, result)
    found = stored(tracker, run).data
    assert (found.tags["certificate"], found.metrics["certificate/moved"]) == ("fails", 4)
    assert "**4 forecasts read what came later**" in found.tags["mlflow.note.content"]
    assert "environment.txt" in artifacts(tracker, run)


def test_strange_model_names_keep_their_metrics_apart(tracker: Tracker) -> None:
    result = make_result()
    names = {"SeasonalNaive": "a/b", "Naive": "a[b", "Drift": "a(b"}
    overall, skill = result.scores.overall.rename(names), result.scores.skill.rename(names)
    renamed = result.scores.by_step.replace({"model": names})
    run = write(tracker, with_scores(result, overall=overall, skill=skill, by_step=renamed))
    metrics = stored(tracker, run).data.metrics
    for model, prefix in {"a/b": "a_b", "a[b": "a_b2", "a(b": "a_b3"}.items():
        assert metrics[f"{prefix}/mae"] == overall.loc[model, "mae"]
        assert len(history(tracker, run, f"{prefix}/mae_by_step")) == 14


def test_recording_changes_no_frame(tracker: Tracker) -> None:
    result, same = make_result(ids=MIXED), make_result(ids=MIXED)
    write(tracker, result)
    for name in ("forecast", "history", "backtest"):
        pd.testing.assert_frame_equal(getattr(result, name), getattr(same, name))
    pd.testing.assert_frame_equal(result.scores.overall, same.scores.overall)
