"""Nights follow each other: on one grid, with the same series, by networks that know no more than they."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from job_cases import FIRST, MODEL, NOW, bundles, digest, make_job, promote, published, sales

from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Freq
from pipelines.jobs.stages import Silent
from pipelines.nightly import JobSettings
from pipelines.nightly.afterwards import Outcome
from pipelines.nightly.cutoffs import last_whole_step
from pipelines.nightly.operating import retrain_now, rollback, score_stored, zone
from pipelines.nightly.running import run_night
from pipelines.nightly.state import JobFolder, home_of
from pipelines.nightly.status import status

pytestmark = pytest.mark.usefixtures("eagerly")

__all__ = ["bundles", "make_job"]
MakeJob = Callable[..., JobSettings]
SECOND = FIRST + pd.Timedelta(days=1)


def run(job: JobSettings, cutoff: Any = FIRST, **how: Any) -> Outcome:
    return run_night(job, pd.Timestamp(cutoff), now=NOW, **how)


def checks(outcome: Outcome) -> set[str]:
    return {finding.check for finding in outcome.findings}


def write(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(sales()).to_parquet(tmp_path / "sales.parquet")


def manifest(job: JobSettings) -> dict[str, Any]:
    return dict(json.loads(Path(f"{job.sink.path}.manifest.json").read_text()))


class TestWhatNetworksKnow:
    def test_one_that_has_learned_what_comes_after_the_cutoff_does_not_forecast(
        self, make_job: MakeJob
    ) -> None:
        job = make_job()
        outcome = run(job, "2024-02-20")
        assert outcome.night.models == {"SeasonalNaive": 3}
        assert outcome.night.record["champion"] is None
        assert "trained up to 2024-03-01" in outcome.findings[0].message
        assert run(job, "2024-03-01").night.models == {"TCN v1": 3}

    def test_so_the_skill_of_nights_made_up_for_is_none(self, make_job: MakeJob) -> None:
        job = make_job()
        for day in pd.date_range("2024-02-10", "2024-02-20"):
            run(job, day)
        assert score_stored(job, pd.Timestamp("2024-02-28"))[0].figures()["skill_mae"] == 0

    def test_a_challenger_must_know_as_much_as_the_champion(self, make_job: MakeJob) -> None:
        with pytest.raises(ConfigError, match="version 1 was trained up to 2024-03-01"):
            retrain_now(make_job(), pd.Timestamp("2024-02-20"))


class TestWhoseItIs:
    @pytest.fixture
    def other(self, make_job: MakeJob, tmp_path: Path) -> JobSettings:
        return make_job(champions=0, folder=tmp_path / "other").model_copy(update={"name": "returns"})

    def test_two_jobs_do_not_replace_each_others_forecasts(
        self, make_job: MakeJob, other: JobSettings
    ) -> None:
        job = make_job()
        run(job)
        before = digest(job)
        with pytest.raises(ConfigError, match="'returns', where readers find those of 'sales'"):
            run(other, SECOND)
        assert digest(job) == before
        assert status(job)["published"]["night"] == "20240410T000000"
        assert status(other)["published"] is None
        assert "readers find those of 'sales'" in status(other)["damaged"][0]

    @pytest.mark.parametrize("call", [rollback, lambda job, now: run(job), retrain_now])
    def test_two_jobs_do_not_share_a_state(
        self, make_job: MakeJob, tmp_path: Path, call: Callable[..., object]
    ) -> None:
        job = make_job(sink={"path": str(tmp_path / "others.csv")}).model_copy(update={"name": "returns"})
        with pytest.raises(ConfigError, match="holds that of 'sales'"):
            call(job, FIRST) if call is retrain_now else call(job, now=NOW)
        assert not (tmp_path / "others.csv").exists()

    @pytest.mark.parametrize("name", ["budget.csv", "budget.parquet"])
    def test_a_file_that_holds_no_forecasts_is_not_replaced(
        self, make_job: MakeJob, tmp_path: Path, name: str
    ) -> None:
        place = tmp_path / name
        place.write_text("year,euros\n2024,17\n")
        with pytest.raises(ConfigError, match="holds no forecasts"):
            run(make_job(sink={"path": str(place)}))
        assert place.read_text() == "year,euros\n2024,17\n"

    def test_forecasts_without_their_manifest_are_replaced(self, make_job: MakeJob, tmp_path: Path) -> None:
        for name in ("made.csv", "made.parquet"):
            job = make_job(sink={"path": str(tmp_path / name)})
            run(job)
            Path(f"{job.sink.path}.manifest.json").unlink()
            assert run(job, SECOND).published
            shutil.rmtree(home_of(job) / "nights")


class TestWhatTheDataWere:
    def test_other_ids_are_other_series(self, make_job: MakeJob, tmp_path: Path) -> None:
        job = make_job()
        run(job)
        write(tmp_path, lambda frame: frame.assign(unique_id=frame["unique_id"].str.upper()))
        with pytest.raises(PanelError, match=r"100\.0 %: 'shop 0', 'shop 1', 'shop 2'; and 3 that it"):
            run(job, SECOND)

    def test_a_series_that_is_no_longer_there_has_vanished(self, make_job: MakeJob, tmp_path: Path) -> None:
        job = make_job(checks={"max_loss": 0.4})
        run(job)
        write(tmp_path, lambda frame: frame[frame["unique_id"] != "shop 1"])
        outcome = run(job, SECOND)
        assert outcome.night.record["vanished"] == ["shop 1"]
        assert "no longer there: 'shop 1'" in next(
            each.message for each in outcome.findings if each.check == "vanished"
        )
        assert checks(run(job, SECOND + pd.Timedelta(days=1))) == set()

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (lambda ds: ds + pd.Timedelta(hours=1), "off their grid"),
            (lambda ds: ds.dt.tz_localize("Europe/Vienna"), "in Europe/Vienna, where they were without"),
        ],
    )
    def test_stamps_that_have_moved_stop_the_job_and_then_the_night_has_their_name(
        self, make_job: MakeJob, tmp_path: Path, change: Callable[[Any], Any], problem: str
    ) -> None:
        job = make_job()
        run(job)
        before = digest(job)
        write(tmp_path, lambda frame: frame.assign(ds=change(frame["ds"])))
        with pytest.raises(PanelError, match=problem):
            run(job, "2024-04-12")
        assert digest(job) == before
        job = make_job(checks={"stamps": "warn"})
        outcome = run(job, "2024-04-12")
        assert "stamps" in checks(outcome)
        cutoff = published(job)["cutoff"].dt.tz_localize(None).unique()
        assert cutoff.tolist() == [outcome.night.cutoff]
        assert manifest(job)["cutoff"] == str(outcome.night.cutoff)
        assert "stamps" not in checks(run(job, "2024-04-13"))

    @pytest.mark.parametrize("factor", [1000.0, 0.001, 0.0])
    def test_a_history_in_other_units_stops_the_job(
        self, make_job: MakeJob, tmp_path: Path, factor: float
    ) -> None:
        job = make_job()
        run(job)
        write(tmp_path, lambda frame: frame.assign(y=frame["y"] * factor))
        with pytest.raises(PanelError, match=r"set checks\.revisions to 'warn'"):
            run(job, SECOND)
        assert run(make_job(checks={"revisions": "warn"}), SECOND).published

    def test_revisions_and_new_series_of_another_size_do_not(self, make_job: MakeJob, tmp_path: Path) -> None:
        job = make_job()
        run(job)
        write(
            tmp_path,
            lambda frame: pd.concat([
                frame.assign(y=frame["y"].mask(frame["ds"] == "2024-04-08", frame["y"] * 1.3)),
                *(frame.query("unique_id == 'shop 0'").assign(unique_id=f"mall {i}", y=9e6 + i)
                  for i in range(9)),
            ]),
        )  # fmt: skip
        assert run(job, SECOND).published

    def test_values_below_zero_are_told_where_none_was_learned(
        self, make_job: MakeJob, tmp_path: Path
    ) -> None:
        late = pd.Timestamp("2024-04-09")
        write(tmp_path, lambda frame: frame.assign(y=frame["y"].mask(frame["ds"] >= late, -frame["y"])))
        assert "shift" in checks(run(make_job()))

    def test_who_falls_back_is_never_below_zero_where_no_value_is(
        self, make_job: MakeJob, tmp_path: Path
    ) -> None:
        rare = sales()["ds"].dt.day % 9 == 0
        write(tmp_path, lambda frame: frame.assign(y=frame["y"].where(rare, 0.0)))
        job = make_job(champions=0)
        JobFolder(home_of(job)).promote(None, "nothing is loaded", "")
        run(job)
        made = published(job)
        assert set(made["model"]) == {"SeasonalNaive"}
        assert (made[["TCN", "TCN-lo-80"]].to_numpy() >= 0).all()
        assert (made["TCN-hi-80"] > 0).any()


def test_what_libraries_warn_of_is_a_note(make_job: MakeJob, tmp_path: Path) -> None:
    notes: list[str] = []

    class Listening(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    write(
        tmp_path,
        lambda frame: pd.concat(
            [frame, frame[frame["ds"] == FIRST].iloc[:1].assign(unique_id="mall")], ignore_index=True
        ),
    )
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        assert run(make_job(), progress=Listening()).published
    assert not raised
    assert any("'mall'" in note for note in notes)


class TestCutoffs:
    def test_one_between_two_stamps_is_that_of_the_first(self, make_job: MakeJob) -> None:
        job = make_job()
        run(job)
        first = digest(job)
        outcome = run(job, FIRST + pd.Timedelta(hours=5))
        assert outcome.again
        assert outcome.night.cutoff == FIRST
        assert digest(job) == first
        assert len(status(job)["nights"]) == 1

    def test_one_with_an_offset_is_refused_where_stamps_have_none(self, make_job: MakeJob) -> None:
        job = make_job()
        run(job)
        with pytest.raises(PanelError, match="without its offset"):
            run(job, "2024-04-10T00:00+02:00")

    @pytest.mark.parametrize("cutoff", ["2024-04-10", "2024-04-10T00:00-04:00", "2024-04-10T06:00+02:00"])
    def test_one_moment_is_one_night_however_it_is_written(
        self, make_job: MakeJob, tmp_path: Path, cutoff: str
    ) -> None:
        write(tmp_path, lambda frame: frame.assign(ds=frame["ds"].dt.tz_localize("America/New_York")))
        job = make_job()
        assert run(job).night.cutoff == FIRST
        assert run(job, cutoff).again
        assert zone(job) == "America/New_York"

    def test_an_hour_that_clocks_show_twice_has_two_nights(self, make_job: MakeJob, tmp_path: Path) -> None:
        hours = pd.date_range("2024-10-01", periods=700, freq="h", tz="UTC").tz_convert("Europe/Vienna")
        frame = pd.DataFrame({"unique_id": "shop", "ds": hours, "y": hours.hour + 5.0})
        frame.to_parquet(tmp_path / "sales.parquet")
        job = make_job(champions=0, model={**MODEL, "freq": "h", "season_length": 24})
        JobFolder(home_of(job)).promote(None, "nothing is loaded", "")
        made = []
        for cutoff in ("2024-10-27T00:00Z", "2024-10-27T02:00+01:00", "2024-10-27T03:00"):
            outcome = run(job, cutoff)
            assert not outcome.again
            assert run(job, cutoff).again
            made.append(published(job)["cutoff"].iloc[0].tz_convert("UTC"))
            assert made[-1] == outcome.night.cutoff
        assert [stamp.hour for stamp in made] == [0, 1, 2]

    @pytest.mark.parametrize("zone", ["America/New_York", "Europe/Vienna", "UTC"])
    def test_hours_of_local_time_are_not_those_of_utc(
        self, make_job: MakeJob, tmp_path: Path, zone: str
    ) -> None:
        hours = pd.date_range("2024-05-01", periods=400, freq="h", tz=zone)
        frame = pd.DataFrame({"unique_id": "shop", "ds": hours, "y": hours.hour + 5.0})
        frame.to_parquet(tmp_path / "sales.parquet")
        job = make_job(champions=0, model={**MODEL, "freq": "h", "season_length": 24})
        JobFolder(home_of(job)).promote(None, "nothing is loaded", "")
        for hour in range(5, 12):
            asked = f"2024-05-10T{hour:02}:00"
            assert not run(job, asked).again
            assert published(job)["cutoff"].unique().tolist() == [pd.Timestamp(asked, tz=zone)]
            assert run(job, asked, skip_done=True).skipped

    @pytest.mark.parametrize("freq", ["h", "D"])
    def test_the_default_is_the_last_one_of_the_zone_of_the_data(self, freq: str) -> None:
        now = pd.Timestamp("2024-11-03T06:30Z").to_pydatetime()  # 01:30 in New York, for the second time
        cutoff = last_whole_step(Freq.parse(freq), now, "America/New_York")
        assert cutoff == {"h": pd.Timestamp("2024-11-03T05:00Z"), "D": pd.Timestamp("2024-11-02")}[freq]


class TestDecisions:
    def test_who_has_forecast_goes_on_where_the_decision_for_it_is_gone(
        self, make_job: MakeJob, bundles: list[Path]
    ) -> None:
        job = make_job()
        folder = JobFolder(home_of(job))
        promote(folder, bundles[1], job)
        run(job)
        rollback(job, now=NOW)
        (folder.promotions_path / "000003.json").unlink()
        for number in range(2):
            outcome = run(job, SECOND + pd.Timedelta(days=number))
            assert outcome.night.models == {"TCN v1": 3}
            assert checks(outcome) == {"state"}
        assert "Decision 3" in status(job)["damaged"][0]

    def test_a_version_that_has_won_but_was_never_decided_for_is_told(
        self, make_job: MakeJob, bundles: list[Path]
    ) -> None:
        job = make_job()
        folder = JobFolder(home_of(job))
        promote(folder, bundles[1], job)
        (folder.promotions_path / "000002.json").unlink()
        outcome = run(job)
        assert outcome.night.models == {"TCN v1": 3}
        assert "Version 2, which has won" in outcome.findings[0].message

    def test_nights_before_the_last_one_keep_what_they_published(
        self, make_job: MakeJob, bundles: list[Path]
    ) -> None:
        job = make_job()
        promote(JobFolder(home_of(job)), bundles[1], job)
        run(job)
        run(job, SECOND)
        assert rollback(job, now=NOW)[0] == {"from": 2, "to": 1}
        outcome = run(job)
        assert outcome.again
        assert outcome.night.models == {"TCN v2": 3}
        assert [night["models"] for night in status(job)["nights"]] == [{"TCN v1": 3}, {"TCN v2": 3}]


def test_an_older_night_does_not_take_the_place_of_a_later_one_that_is_gone(make_job: MakeJob) -> None:
    job = make_job()
    run(job)
    run(job, SECOND)
    Path(str(job.sink.path)).unlink()
    Path(f"{job.sink.path}.manifest.json").unlink()
    for skip_done in (True, False):
        outcome = run(job, skip_done=skip_done)
        assert not outcome.published
        assert not outcome.skipped
    assert not Path(str(job.sink.path)).exists()
    assert run(job, SECOND).published
