"""Nights of a job: the same bytes again, in the open who forecasts, and nothing wrong is ever published."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from job_cases import FIRST, MODEL, NOW, bundles, digest, make_job, promote, published, sales
from worker_calls import forecast_part_killed_once

from pipelines.errors import BusyError, ConfigError, PanelError
from pipelines.forecaster import Forecaster
from pipelines.nightly import JobSettings
from pipelines.nightly.afterwards import Outcome
from pipelines.nightly.operating import backfill, cutoffs, retrain_now, rollback, score_stored
from pipelines.nightly.retraining import judge
from pipelines.nightly.running import run_night
from pipelines.nightly.settings import Retrain
from pipelines.nightly.state import JobFolder, home_of
from pipelines.nightly.status import status
from pipelines.tracking import Tracker

pytestmark = pytest.mark.usefixtures("eagerly")

__all__ = ["bundles", "make_job"]
MakeJob = Callable[..., JobSettings]
COLUMNS = ["unique_id", "ds", "cutoff", "TCN", "TCN-lo-80", "TCN-hi-80", "model"]


def run(job: JobSettings, cutoff: Any = FIRST, **how: Any) -> Outcome:
    return run_night(job, pd.Timestamp(cutoff), now=NOW, **how)


def checks(outcome: Outcome) -> set[str]:
    return {finding.check for finding in outcome.findings}


def version(job: JobSettings, number: int) -> Path:
    return JobFolder(home_of(job)).versions()[number - 1].bundle


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with a few runs."""
    folder = tmp_path_factory.mktemp("runs")
    for number in range(3):
        with Tracker(folder, "sales").start_run(f"{number}") as tracked:
            tracked.log_params({f"setting {key}": "long " * 100 for key in range(20)})
    return (folder / "mlflow.db").read_bytes()


@pytest.fixture
def not_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the export, which takes longer than the training."""
    monkeypatch.setattr("pipelines.network.can_export_onnx", lambda: False)


class TestForecast:
    def test_it_is_that_of_the_champion(self, make_job: MakeJob, bundles: list[Path]) -> None:
        job = make_job()
        outcome = run(job)
        frame = published(job)
        assert list(frame.columns) == COLUMNS
        assert (frame["cutoff"] == FIRST).all()
        expected = Forecaster.load(bundles[0]).predict(sales().query("ds <= @FIRST"))
        np.testing.assert_allclose(frame["TCN"], expected["TCN"], rtol=1e-4)
        assert set(frame["model"]) == {"TCN v1"}
        assert outcome.published
        assert outcome.night.models == {"TCN v1": 3}
        assert outcome.findings == []

    def test_a_second_run_publishes_the_same_bytes(self, make_job: MakeJob, tmp_path: Path) -> None:
        job = make_job()
        run(job)
        first = digest(job)
        # What became known since changes nothing of a night that was.
        pd.concat([sales(), sales().assign(unique_id="shop 9")]).to_parquet(tmp_path / "sales.parquet")
        Path(str(job.sink.path)).unlink()
        outcome = run(job)
        assert outcome.again
        assert outcome.published
        assert digest(job) == first

    def test_another_folder_gives_the_same_bytes(self, make_job: MakeJob, tmp_path: Path) -> None:
        run(make_job())
        first = digest(make_job())
        run(make_job(folder=tmp_path / "other"))
        assert digest(make_job()) == first

    def test_rows_after_the_cutoff_are_not_known(self, make_job: MakeJob, tmp_path: Path) -> None:
        job = make_job()
        run(job)
        first = digest(job)
        shutil.rmtree(home_of(job) / "nights")
        changed = sales()
        changed.loc[changed["ds"] > FIRST, "y"] *= 100
        changed.to_parquet(tmp_path / "sales.parquet")
        run(job)
        assert digest(job) == first

    def test_an_older_night_does_not_take_the_place_of_a_later_one(self, make_job: MakeJob) -> None:
        job = make_job()
        run(job, "2024-04-12")
        latest = digest(job)
        outcome = run(job, "2024-04-11")
        assert not outcome.published
        assert digest(job) == latest

    def test_a_dry_run_writes_nothing(self, make_job: MakeJob) -> None:
        job = make_job()
        before = {*home_of(job).rglob("*")}
        outcome = run(job, dry_run=True)
        assert outcome.night.models == {"TCN v1": 3}
        assert not outcome.published
        assert not Path(str(job.sink.path)).exists()
        assert {*home_of(job).rglob("*")} == before

    @pytest.mark.long
    def test_partitions_and_workers_change_no_bit_and_one_that_is_killed_is_replaced(
        self, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        frames = []
        for partitions in ({"series": 2}, {"series": 2, "kind": "processes", "workers": 2}):
            job = make_job(partitions=partitions)
            shutil.rmtree(home_of(job) / "nights", ignore_errors=True)
            for night in (FIRST, FIRST + pd.Timedelta(days=1)):  # the second one looks back at the first
                run(job, night)
            frames.append(published(job))
            monkeypatch.setattr("pipelines.nightly.partitions._forecast_part", forecast_part_killed_once)
        (killed,) = home_of(job).glob("versions/*/killed")
        assert int(killed.read_text()) != os.getpid()
        pd.testing.assert_frame_equal(*frames, check_exact=True)

    @pytest.mark.usefixtures("not_exported")
    def test_a_job_without_settings_for_time_runs_at_integers(
        self, make_job: MakeJob, tmp_path: Path
    ) -> None:
        frame = sales()
        frame["ds"] = (frame["ds"] - frame["ds"].min()).dt.days
        frame.to_parquet(tmp_path / "sales.parquet")
        job = make_job(champions=0, model={"horizon": 3, "freq": 1, "season_length": 7, "max_steps": 0,
                                           "filters": 4, "dilations": [1], "ensemble": 1})  # fmt: skip
        for cutoff in (98, 99, 100):
            run_night(job, cutoff, now=NOW)
        assert published(job)["ds"].unique().tolist() == [101, 102, 103]
        assert [night["cutoff"][-3:] for night in status(job)["nights"]] == ["100", "099", "098"]


class TestSeries:
    def test_those_that_come_go_and_stop_are_told(self, make_job: MakeJob, tmp_path: Path) -> None:
        frame = sales()
        gone = frame["unique_id"].eq("shop 0") & frame["ds"].gt("2024-03-20")
        late = frame["unique_id"].eq("shop 1") & frame["ds"].gt("2024-04-08")
        fresh = frame[frame["unique_id"].eq("shop 2") & frame["ds"].gt("2024-04-07")].assign(
            unique_id="shop 3"
        )
        pd.concat([frame[~gone & ~late], fresh]).to_parquet(tmp_path / "sales.parquet")
        job = make_job()
        outcome = run(job)
        made = published(job)
        assert set(made["unique_id"]) == {"shop 1", "shop 2", "shop 3"}
        days = pd.date_range("2024-04-11", periods=3).tolist()
        assert all(own["ds"].tolist() == days for _, own in made.groupby("unique_id"))
        assert outcome.night.record["new"] == ["shop 3"]
        assert outcome.night.record["vanished"] == ["shop 0"]
        assert {"vanished", "stale_series"} <= checks(outcome)
        assert np.isfinite(made[["TCN", "TCN-lo-80", "TCN-hi-80"]].to_numpy()).all()

    def test_a_forecast_out_of_all_proportion_is_seasonal_naives(
        self, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        predict = Forecaster.predict

        def wild(self: Forecaster, *arguments: Any, **options: Any) -> Any:
            made = predict(self, *arguments, **options)
            made.loc[made["unique_id"] == "shop 1", "TCN-hi-80"] = 1e9
            return made

        monkeypatch.setattr(Forecaster, "predict", wild)
        job = make_job(gates={"max_series": 0.5})
        outcome = run(job)
        made = published(job).set_index("unique_id")
        assert set(made.loc["shop 1", "model"]) == {"SeasonalNaive"}
        assert set(made.loc["shop 0", "model"]) == {"TCN v1"}
        assert made.loc["shop 1", "TCN"].tolist() == (
            sales().query("unique_id == 'shop 1' and '2024-04-03' < ds < '2024-04-07'")["y"].tolist()
        )
        assert {"gates", "fallback"} <= checks(outcome)

    def test_a_champion_that_fails_widely_is_set_aside(
        self, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        predict = Forecaster.predict

        def broken(self: Forecaster, *arguments: Any, **options: Any) -> Any:
            made = predict(self, *arguments, **options)
            return made.assign(TCN=np.nan) if self.seed == 1 else made

        monkeypatch.setattr(Forecaster, "predict", broken)
        job = make_job(champions=2)
        outcome = run(job)
        assert set(published(job)["model"]) == {"TCN v1"}
        assert checks(outcome) == {"gates"}
        assert outcome.night.record["champion"] == 1


class TestFallback:
    def test_a_champion_that_has_become_worse_than_seasonal_naive_is_set_aside_until_it_is_not(
        self, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        predict = Forecaster.predict

        def worse(self: Forecaster, *arguments: Any, **options: Any) -> Any:
            made = predict(self, *arguments, **options)
            return made.assign(**{name: made[name] + 15 for name in made if name.startswith("TCN")})

        job = make_job(watch={"nights": 9})
        nights = [str(day.date()) for day in pd.date_range("2024-04-01", periods=24)]
        with monkeypatch.context() as patch:
            patch.setattr(Forecaster, "predict", worse)
            made = [run(job, night) for night in nights[:12]]
        models = [outcome.night.models for outcome in made]
        begun = models.index({"SeasonalNaive": 3})
        assert models[:begun] == [{"TCN v1": 3}] * begun
        assert models[begun:] == [{"SeasonalNaive": 3}] * (12 - begun)
        assert 6 <= begun <= 10
        (finding,) = (each for each in made[-1].findings if each.check == "champion")
        assert "in place of version 1" in finding.message
        assert made[-1].night.record["champion"] is None
        week = sales().query("'2024-04-05' < ds <= '2024-04-08'").sort_values(["unique_id", "ds"])
        np.testing.assert_allclose(published(job)["TCN"], week["y"])
        assert {"raw-TCN", "raw-model"}.isdisjoint(published(job))
        models = [run(job, night).night.models for night in nights[12:]]
        assert {"TCN v1": 3} in models  # what it makes meanwhile is kept, and has become better
        assert models == sorted(models, key=lambda each: "TCN v1" in each)

    def test_a_damaged_champion_leaves_it_to_the_one_before(self, make_job: MakeJob) -> None:
        job = make_job(champions=2)
        network = version(job, 2) / "model.keras"
        network.write_bytes(network.read_bytes()[:-100])
        outcome = run(job)
        assert set(published(job)["model"]) == {"TCN v1"}
        assert "differs from its checksum" in outcome.findings[0].message

    def test_without_any_network_it_is_seasonal_naive(self, make_job: MakeJob) -> None:
        job = make_job(champions=2)
        for number in (1, 2):
            (version(job, number) / "manifest.json").unlink()
        outcome = run(job)
        assert outcome.night.models == {"SeasonalNaive": 3}
        assert {"champion", "fallback"} == checks(outcome)

    def test_without_any_decision_the_latest_network_forecasts(self, make_job: MakeJob) -> None:
        job = make_job(champions=2)
        for path in JobFolder(home_of(job)).promotions_path.iterdir():
            path.write_text("{")
        outcome = run(job)
        assert outcome.night.models == {"TCN v2": 3}
        assert outcome.retrained is None
        assert {"state", "champion"} <= checks(outcome)

    @pytest.mark.usefixtures("not_exported")
    def test_a_champion_that_cannot_forecast_is_replaced(self, make_job: MakeJob) -> None:
        job = make_job(retrain={"on_alarm": True})
        (version(job, 1).parent / "version.json").write_text("{")
        outcome = run(job)
        assert outcome.night.models == {"SeasonalNaive": 3}
        assert outcome.retrained is not None
        assert outcome.retrained.version == 2

    def test_another_bundle_in_its_place_is_not_taken_for_it(self, make_job: MakeJob) -> None:
        job = make_job(champions=2)
        shutil.rmtree(version(job, 2))
        shutil.copytree(version(job, 1), version(job, 2))
        assert run(job).night.models == {"TCN v1": 3}


class TestFailure:
    def test_what_was_published_stays(self, make_job: MakeJob, tmp_path: Path) -> None:
        job = make_job()
        run(job)
        before = digest(job)
        sales().rename(columns={"y": "sold"}).to_parquet(tmp_path / "sales.parquet")
        with pytest.raises(PanelError, match="sold"):
            run(job, "2024-04-11")
        assert digest(job) == before
        assert status(job)["failure"]["cutoff"] == "20240411T000000"
        sales().to_parquet(tmp_path / "sales.parquet")
        run(job, "2024-04-11")
        assert status(job)["failure"] is None
        assert digest(job) != before

    def test_a_check_that_fails_names_what_to_do(self, make_job: MakeJob, tmp_path: Path) -> None:
        sales().query("ds < '2024-04-05'").to_parquet(tmp_path / "sales.parquet")
        with pytest.raises(PanelError, match="Nothing was published"):
            run(make_job())

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    @pytest.mark.parametrize("how", ["cut", "overwritten"])
    def test_a_damaged_store_of_runs_takes_no_forecast_back(
        self, make_job: MakeJob, tmp_path: Path, stored: bytes, share: float, how: str
    ) -> None:
        place = int(share * len(stored))
        rest = b"" if how == "cut" else bytes(range(250)) * 12 + stored[place + 3000 :]
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "mlflow.db").write_bytes(stored[:place] + rest)
        outcome = run(make_job(tracking={"uri": str(tmp_path / "runs")}))
        assert outcome.published
        assert outcome.run_id is not None or "must be whole" in outcome.findings[-1].message

    @pytest.mark.parametrize("call", ["replace", "rename", "fsync"])
    def test_readers_see_the_former_night_or_the_next_whichever_write_fails(
        self, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        job = make_job(champions=0)
        JobFolder(home_of(job)).promote(None, "nothing is loaded", "")
        run(job)
        before = published(job)
        usual = checks(run(job, "2024-04-11"))
        after = published(job)
        failed = 0
        for number in range(40):
            shutil.rmtree(home_of(job) / "nights")
            run(job)
            with monkeypatch.context() as patch:
                calls = fail_at(patch, call, number)
                try:
                    run(job, "2024-04-11")
                except (BusyError, ConfigError):
                    failed += 1
            seen = published(job)
            assert seen.equals(before) or seen.equals(after), number
            assert checks(run(job, "2024-04-11")) <= usual
            assert published(job).equals(after)
            if calls[0] <= number:
                break
        else:
            pytest.fail("it never came to its end")
        assert failed > 0


def fail_at(patch: pytest.MonkeyPatch, name: str, number: int) -> list[int]:
    """Let the call of a function of os fail whose number is given; return how many there were."""
    original, calls = getattr(os, name), [0]

    def call(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == number + 1:
            raise OSError(28, "No space left on device")
        return original(*arguments, **options)

    patch.setattr(os, name, call)
    return calls


@pytest.mark.usefixtures("not_exported")
class TestOtherSettings:
    def test_other_levels_are_those_of_the_champion_too(self, make_job: MakeJob) -> None:
        run(make_job(), "2024-04-09")
        job = make_job(model={**MODEL, "levels": [50.0, 90.0]})
        outcome = run(job)
        assert outcome.night.models == {"TCN v1": 3}
        assert outcome.retrained is None
        assert {"TCN-lo-50", "TCN-hi-90"} <= set(published(job))
        assert run(job, "2024-04-11").published

    @pytest.mark.long
    @pytest.mark.parametrize("changed", [{"horizon": 5}, {"alias": "Net"}])
    def test_a_network_for_something_else_is_left_out_and_replaced(
        self, make_job: MakeJob, changed: dict[str, Any]
    ) -> None:
        run(make_job(), "2024-04-09")
        job = make_job(model={**MODEL, **changed})
        outcome = run(job)
        made = published(job)
        assert outcome.retrained is not None
        assert "champion" in checks(outcome)
        assert len(made) == 3 * job.model.horizon
        assert job.model.alias in made
        assert not any(name.endswith("v1") for name in outcome.night.models)
        assert run(job, "2024-04-11").retrained is None

    def test_a_challenger_may_begin_with_the_weights_of_the_champion(self, make_job: MakeJob) -> None:
        job = make_job(retrain={"warm": True, "on_alarm": False})
        made = retrain_now(job, FIRST)
        assert made["version"] == 2
        assert set(made["scores"]) == {"TCN", "Champion", "SeasonalNaive"}


class TestKilled:
    def test_the_rest_of_a_night_is_made_up_for(self, make_job: MakeJob) -> None:
        job = make_job()
        run(job, "2024-04-09")
        run(job)
        first, page = digest(job), home_of(job) / "status.html"
        page.unlink()
        (JobFolder(home_of(job)).place(FIRST, job.fingerprint) / "done.json").unlink()
        outcome = run(job)
        assert digest(job) == first
        assert not outcome.again
        assert page.exists()
        assert run(job).again


class TestPeople:
    def test_a_rollback_restores_the_forecasts_of_the_version_before(
        self, make_job: MakeJob, bundles: list[Path]
    ) -> None:
        job = make_job()
        run(job)
        first = digest(job)
        shutil.rmtree(home_of(job) / "nights")
        promote(JobFolder(home_of(job)), bundles[1], job)
        assert run(job).night.models == {"TCN v2": 3}
        assert digest(job) != first
        moved, outcome = rollback(job, now=NOW)
        assert moved == {"from": 2, "to": 1}
        assert outcome is not None
        assert outcome.published
        assert digest(job) == first
        assert run(job).again

    def test_a_rollback_needs_somebody_to_go_back_to(self, make_job: MakeJob) -> None:
        with pytest.raises(ConfigError, match="version 1"):
            rollback(make_job(), now=NOW)

    def test_missed_nights_are_made_up_for(self, make_job: MakeJob) -> None:
        job = make_job()
        run(job, "2024-04-12")
        outcomes = backfill(job, pd.Timestamp("2024-04-10"), pd.Timestamp("2024-04-13"), now=NOW)
        assert [outcome.again for outcome in outcomes] == [False, False, True, False]
        assert [outcome.published for outcome in outcomes] == [False, False, True, True]
        nights = [night["cutoff"][6:8] for night in status(job)["nights"]]
        assert nights == ["13", "12", "11", "10"]

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            ("2024-04-10T00:00Z", "2024-04-13"),
            ("2024-03-30T00:00+01:00", "2024-04-01T00:00+02:00"),
            ("2024-04-10", 7),
            (7, 9),
        ],
    )
    def test_a_backfill_goes_between_cutoffs_of_one_kind(
        self, make_job: MakeJob, first: str | int, last: str | int
    ) -> None:
        ends = [end if isinstance(end, int) else pd.Timestamp(end) for end in (first, last)]
        with pytest.raises(ConfigError, match="must be times without a zone"):
            cutoffs(make_job(), *ends)

    def test_stored_forecasts_are_scored_as_values_arrive(self, make_job: MakeJob) -> None:
        job = make_job()
        run(job)
        scored, alarms = score_stored(job, pd.Timestamp("2024-04-12"))
        made = published(job).merge(sales(), on=["unique_id", "ds"]).query("ds <= '2024-04-12'")
        assert scored.overall.loc["TCN", "mae"] == pytest.approx((made["TCN"] - made["y"]).abs().mean())
        assert alarms == []

    def test_the_status_says_who_rules(self, make_job: MakeJob) -> None:
        job = make_job(champions=2)
        run(job)
        found = status(job)
        assert found["champion"] == 2
        assert [each["number"] for each in found["versions"]] == [2, 1]
        assert found["published"]["night"] == "20240410T000000"
        assert (home_of(job) / "status.html").exists()
        assert found["damaged"] == []


@pytest.mark.usefixtures("not_exported")
class TestRetraining:
    def test_a_first_network_must_beat_seasonal_naive(self, make_job: MakeJob) -> None:
        job = make_job(champions=0)
        outcome = run(job)
        made = outcome.retrained
        assert made is not None
        better = made.scores["TCN"]["mae"] < made.scores["SeasonalNaive"]["mae"]
        assert made.promoted == better
        assert set(published(job)["model"]) == {"TCN v1" if better else "SeasonalNaive"}
        assert run(job, "2024-04-11").retrained is None

    def test_by_hand_the_challenger_faces_the_champion(self, make_job: MakeJob) -> None:
        job = make_job()
        made = retrain_now(job, FIRST)
        assert made["version"] == 2
        assert set(made["scores"]) == {"TCN", "Champion", "SeasonalNaive"}
        assert made["promoted"] == (status(job)["champion"] == 2)

    def test_it_is_due_after_so_many_steps(self, make_job: MakeJob) -> None:
        job = make_job(retrain={"every": 40, "on_alarm": False})
        assert run(job, "2024-04-09").retrained is None  # 39 days after the training
        assert run(job, "2024-04-10").retrained is not None


@pytest.mark.parametrize(
    ("own", "champion", "naive", "margin", "p_value", "promoted"),
    [
        (0.8, 1.0, 1.5, 0.0, 1.0, True),
        (0.8, 1.0, 1.5, 0.1, 0.05, True),
        (0.8, 1.0, 1.5, 0.3, 1.0, False),  # not by the margin
        (1.1, 1.0, 1.5, 0.0, 1.0, False),
        (0.8, 1.0, 0.7, 0.0, 1.0, False),  # worse than seasonal naive
        (np.nan, 1.0, 1.5, 0.0, 1.0, False),
        (0.8, None, 1.5, 0.5, 0.001, True),  # the first one
    ],
)
def test_only_what_is_better_is_promoted(
    own: float, champion: float | None, naive: float, margin: float, p_value: float, promoted: bool
) -> None:
    decided, reason = judge(
        scores_of(own, champion, naive), "TCN", None if champion is None else "Champion",
        Retrain(margin=margin, p_value=p_value),
    )  # fmt: skip
    assert decided == promoted
    assert reason


def test_a_gain_that_may_be_chance_is_none() -> None:
    alike = scores_of(0.99, 1.0, 1.5, spread=1.0)
    assert judge(alike, "TCN", "Champion", Retrain(p_value=1.0))[0]
    decided, reason = judge(alike, "TCN", "Champion", Retrain(p_value=0.05))
    assert not decided
    assert "chance" in reason
    few = scores_of(0.5, 1.0, 1.5, windows=3)
    assert "too few windows" in judge(few, "TCN", "Champion", Retrain(p_value=0.05))[1]


def scores_of(
    own: float, champion: float | None, naive: float, spread: float = 0.01, windows: int = 12
) -> Any:
    """Scores of a comparison with these errors in the mean."""
    from pipelines.metrics import Scores
    from pipelines.skill import Losses

    wave = spread * np.sin(2.0 * np.arange(windows))
    maes = {"TCN": own, "SeasonalNaive": naive} | ({} if champion is None else {"Champion": champion})
    losses = {
        name: Losses(mae, 0.1, (), np.array([mae]), mae + wave * (1 if name == "TCN" else -1))
        for name, mae in maes.items()
    }
    table = pd.DataFrame({"mae": maes, "wql": {name: mae / 10 for name, mae in maes.items()}})
    empty = pd.DataFrame()
    return Scores(table, empty, empty, empty, empty, {}, losses=losses)
