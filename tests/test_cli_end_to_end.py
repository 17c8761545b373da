"""The commands with a real network, small enough to be trained while a test waits."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.runtime import TOLERANCE

SIZE = ("--horizon", "7", "--preset", "fast", "--max-steps", "20", "--quiet")


def tcn(*arguments):
    result = CliRunner().invoke(app, [str(part) for part in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module", autouse=True)
def _shallow():
    """Few blocks, which take less time to compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.plan._LONGEST_FIELD", 8)
        patch.setattr("pipelines.plan._PRESETS", {"fast": (1, 0.25)})
        yield


@pytest.fixture(scope="module")
def visitors():
    """Daily visitors of four sites with a weekly season, one of them opened late."""
    rng = np.random.default_rng(1)
    days = pd.date_range("2024-01-01", periods=150)
    parts = []
    for number in range(4):
        own = days[100 * (number == 3) :]
        y = 10.0 ** (number + 1) * (
            2 + np.sin(2 * np.pi * np.arange(len(own)) / 7) + rng.normal(0, 0.1, len(own))
        )
        parts.append(pd.DataFrame({"unique_id": f"site {number}", "ds": own, "y": y.round(2)}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, visitors):
    """Where the job has run once."""
    path = tmp_path_factory.mktemp("work")
    visitors.to_csv(path / "visitors.csv", index=False)
    tcn("forecast", path / "visitors.csv", *SIZE, "-o", path / "first", "--no-track")
    return path


def test_forecasts_follow_the_data_and_are_ordered(folder, visitors):
    forecast = pd.read_parquet(folder / "first" / "forecasts.parquet")
    assert forecast.groupby("unique_id").size().to_dict() == {f"site {n}": 7 for n in range(4)}
    assert set(forecast["ds"]) == set(pd.date_range(visitors["ds"].max() + pd.Timedelta(days=1), periods=7))
    columns = ["TCN-lo-95", "TCN-lo-80", "TCN", "TCN-hi-80", "TCN-hi-95"]
    assert (np.diff(forecast[columns].to_numpy()) >= 0).all()
    low, high = visitors.groupby("unique_id")["y"].agg(["min", "max"]).to_numpy().T
    middle = forecast.groupby("unique_id")["TCN"].mean().to_numpy()
    assert (middle > 0.5 * low).all()
    assert (middle < 2 * high).all()


@pytest.fixture
def not_exported(monkeypatch):
    """Leave out the export, which takes as long as all else: the first run has it."""
    monkeypatch.setattr("pipelines.network.can_export_onnx", lambda: False)


@pytest.mark.long  # a job as a whole, once more
@pytest.mark.usefixtures("not_exported")
def test_a_second_run_gives_the_same_bytes(folder):
    tcn("forecast", folder / "visitors.csv", *SIZE, "-o", folder / "second", "--no-track")
    for name in ("forecasts.csv", "forecasts.parquet", "backtest.parquet", "scores.json"):
        assert (folder / "first" / name).read_bytes() == (folder / "second" / name).read_bytes(), name


@pytest.mark.long
@pytest.mark.usefixtures("not_exported")
def test_what_happens_after_the_first_cutoff_does_not_move_its_forecasts(folder, visitors):
    before = pd.read_parquet(folder / "first" / "backtest.parquet")
    cutoff = before["cutoff"].min()
    changed = visitors.copy()
    changed.loc[changed["ds"] > cutoff, "y"] *= 3
    changed.to_csv(folder / "changed.csv", index=False)
    tcn("forecast", folder / "changed.csv", *SIZE, "-o", folder / "third", "--no-track")
    after = pd.read_parquet(folder / "third" / "backtest.parquet")
    models = [name for name in before.columns if name not in ("unique_id", "ds", "cutoff", "y")]
    first = before["cutoff"] == cutoff
    pd.testing.assert_frame_equal(before.loc[first, models], after.loc[first, models], check_exact=True)
    assert not before.loc[~first, "TCN"].equals(after.loc[~first, "TCN"])


def test_the_bundle_forecasts_as_the_job_did(folder):
    bundle = folder / "first" / "bundle"
    tcn("predict", "--bundle", bundle, "--output", folder / "again.parquet", "--quiet")
    expected = pd.read_parquet(folder / "first" / "forecasts.parquet")
    # ONNX Runtime, where it is installed, adds in another order than Keras.
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "again.parquet"), expected, rtol=TOLERANCE)


def test_the_bundle_forecasts_from_a_new_history_at_other_levels(folder, visitors):
    shorter = visitors[visitors["ds"] < "2024-05-20"]
    shorter.to_parquet(folder / "shorter.parquet", index=False)
    tcn("predict", "--bundle", folder / "first" / "bundle", "--data", folder / "shorter.parquet",
        "--levels", "50", "--output", folder / "next.csv", "--quiet")  # fmt: skip
    forecast = pd.read_csv(folder / "next.csv", parse_dates=["ds"])
    assert list(forecast.columns) == ["unique_id", "ds", "TCN", "TCN-lo-50", "TCN-hi-50"]
    assert forecast["ds"].min() == pd.Timestamp("2024-05-20")


def test_a_backtest_of_the_bundle_finds_the_scores_of_the_job(folder):
    out = folder / "past.parquet"
    bundle = folder / "first" / "bundle"
    answer = json.loads(
        tcn("backtest", folder / "visitors.csv", "--bundle", bundle, "-o", out, "-q", "--json")
    )
    written = json.loads((folder / "first" / "scores.json").read_text())
    for metric in ("mae", "mase", "wql", "coverage_80"):
        found = answer["scores"]["overall"]["TCN"][metric]
        assert found == pytest.approx(written["overall"]["TCN"][metric], rel=1e-5)
    assert len(pd.read_parquet(out)) == len(pd.read_parquet(folder / "first" / "backtest.parquet"))
