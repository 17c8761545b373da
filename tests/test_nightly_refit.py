"""What has won is trained once more, on all rows; the one that was tested meets the next challenger."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.forecaster import Forecaster
from pipelines.holding_out import hold_out
from pipelines.nightly import JobSettings, challengers
from pipelines.nightly.challengers import challenger_of
from pipelines.nightly.champions import load_judged
from pipelines.nightly.operating import retrain_now
from pipelines.nightly.records import Version
from pipelines.nightly.state import JobFolder, home_of

pytestmark = pytest.mark.usefixtures("eagerly")

DAYS = pd.date_range("2024-01-01", periods=90)
MODEL: dict[str, Any] = {
    "horizon": 3,
    "freq": "D",
    "levels": [80.0],
    "lookback": 14,
    "filters": 4,
    "dilations": [1],
    "ensemble": 1,
    "max_steps": 2,
    "season_length": 7,
}
MakeJob = Callable[..., JobSettings]


def noise() -> pd.DataFrame:
    """Two series that any network foretells better than seasonal naive does."""
    values = np.random.default_rng(0).normal(100, 10, 2 * len(DAYS))
    return pd.DataFrame({"unique_id": np.repeat(["a", "b"], len(DAYS)), "ds": np.tile(DAYS, 2), "y": values})


def job_in(folder: Path, model: dict[str, Any] | None = None, **retrain: Any) -> JobSettings:
    source = folder / "noise.parquet"
    noise().to_parquet(source)
    return JobSettings(
        name="noise",
        folder=folder / "state",
        source={"path": str(source)},
        sink={"path": str(folder / "f.csv")},
        model={**MODEL, **(model or {})},
        tracking={"enabled": False},
        retrain=retrain,
    )


def versions(job: JobSettings) -> list[Version]:
    return JobFolder(home_of(job)).versions()


@pytest.fixture(scope="module")
def without_export() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.network.can_export_onnx", lambda: False)
        yield


@pytest.fixture(scope="module")
def won(tmp_path_factory: pytest.TempPathFactory, without_export: None) -> Path:
    """The folder of a job whose first network has won, calibrated on the rows of its test."""
    folder = tmp_path_factory.mktemp("won")
    made = retrain_now(job_in(folder, {"conformal": "split"}), DAYS[-1])
    assert made["promoted"]
    assert made["reason"].endswith("It was trained again on all rows.")
    return folder


@pytest.fixture
def after(won: Path, tmp_path: Path) -> MakeJob:
    """A job that goes on from there."""

    def make(**retrain: Any) -> JobSettings:
        shutil.copytree(won / "state", tmp_path / "state")
        return job_in(tmp_path, {"conformal": "split"}, **retrain)

    return make


def test_the_champion_has_learned_all_rows_and_the_judged_network_has_not(after: MakeJob) -> None:
    (version,) = versions(after())
    champion, judged = Forecaster.load(version.bundle), load_judged(version)
    rows = noise()
    held = hold_out(champion.panel_, 3, 7)
    before = rows[rows["ds"] < DAYS[-held.rows]]
    for forecaster, known in ((champion, rows), (judged, before)):
        expected = Forecaster(**MODEL).fit(known).predict(rows)["TCN"]
        np.testing.assert_array_equal(forecaster.predict(rows)["TCN"], expected)
    assert not np.array_equal(champion.predict(rows)["TCN"], judged.predict(rows)["TCN"])
    pd.testing.assert_frame_equal(champion.coverage_, judged.coverage_)


def test_the_next_challenger_is_compared_with_the_judged_network(after: MakeJob) -> None:
    job = after()
    made = retrain_now(job, DAYS[-1])
    # The same rows, settings and seed: neither can be better.
    assert made["scores"]["Champion"]["mae"] == made["scores"]["TCN"]["mae"]
    assert not made["promoted"]
    assert "judged_sha256" not in versions(job)[1].record


def test_a_judged_network_that_is_damaged_is_named(after: MakeJob) -> None:
    job = after()
    (versions(job)[0].judged[0] / "manifest.json").write_text("{")
    made = retrain_now(job, DAYS[-1])
    assert "The champion could not be tested" in made["reason"]
    assert "Champion" not in made["scores"]


def test_a_warm_training_begins_with_the_judged_network(after: MakeJob) -> None:
    job = after(warm=True)
    (champion,) = versions(job)
    begun = challenger_of(job, champion).predict(noise())["TCN"]
    np.testing.assert_array_equal(begun, load_judged(champion).predict(noise())["TCN"])


def test_it_is_trained_once_where_that_is_asked_for(tmp_path: Path, without_export: None) -> None:
    job = job_in(tmp_path, refit=False)
    assert retrain_now(job, DAYS[-1])["promoted"]
    (version,) = versions(job)
    assert version.judged == (version.bundle, version.record["bundle_sha256"])
    assert not version.bundle.with_name("judged").exists()


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ((1.05, 1.0), "It was trained again"),
        ((1.2, 1.0), "errs more, 1.2"),
        ((np.nan, 1.0), "errs more, nan"),
    ],
)
def test_a_second_training_that_fails_leaves_the_first(
    tmp_path: Path, without_export: None, monkeypatch: pytest.MonkeyPatch, errors: Any, said: str
) -> None:
    found = iter(errors)
    monkeypatch.setattr(challengers, "_error", lambda *_: next(found))
    made = retrain_now(job := job_in(tmp_path), DAYS[-1])
    assert made["promoted"]
    assert said in made["reason"]
    assert ("judged_sha256" in versions(job)[0].record) == said.startswith("It was")


def test_an_error_of_the_second_training_takes_nothing_back(
    tmp_path: Path, without_export: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = challengers.train
    monkeypatch.setattr(challengers, "train", lambda *_: None)  # what comes of it cannot forecast
    monkeypatch.setattr("pipelines.nightly.retraining.train", train)
    made = retrain_now(job := job_in(tmp_path), DAYS[-1])
    assert made["promoted"]
    assert "It could not be trained again on all rows: " in made["reason"]
    assert JobFolder(home_of(job)).promotions()[-1].version == 1
