"""Nights whose data are odd in a few rows: what can be used is used, and what cannot is told."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from job_cases import FIRST, MODEL, NOW, bundles, digest, make_job, promote, published, sales

from pipelines.errors import BusyError, LackingError, PanelError
from pipelines.forecaster import Forecaster
from pipelines.jobs.stages import Silent
from pipelines.nightly import JobSettings, notify, sources
from pipelines.nightly.afterwards import Outcome
from pipelines.nightly.running import run_night
from pipelines.nightly.state import JobFolder, home_of
from pipelines.nightly.status import status

pytestmark = pytest.mark.usefixtures("eagerly")

__all__ = ["bundles", "make_job"]
MakeJob = Callable[..., JobSettings]


def run(job: JobSettings, cutoff: Any = FIRST, **how: Any) -> Outcome:
    return run_night(job, pd.Timestamp(cutoff), now=NOW, **how)


def told(outcome: Outcome, check: str) -> list[str]:
    return [finding.message for finding in outcome.findings if finding.check == check]


class Notes(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


class TestWhenRowsBecameKnown:
    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[[pd.Series], Path]:
        """Write sales whose rows of the last day became known at other times than at their stamps."""

        def write(last: Any) -> Path:
            rows = sales()
            rows["loaded_at"] = rows["ds"].where(rows["ds"] != FIRST, last)
            rows.to_parquet(tmp_path / "late.parquet")
            return tmp_path / "late.parquet"

        return write

    def job(self, make_job: MakeJob, path: Path, **source: Any) -> JobSettings:
        return make_job(source={"path": str(path), "known_at": "loaded_at", **source}, checks={"max_lag": 1})

    def test_a_night_knows_the_same_however_its_cutoff_is_written(
        self, make_job: MakeJob, write: Callable[..., Path], tmp_path: Path
    ) -> None:
        job = self.job(make_job, write(FIRST + pd.Timedelta(hours=3)))
        run(job, FIRST + pd.Timedelta(hours=6))
        first = digest(job)
        other = job.model_copy(update={"folder": tmp_path / "other"})
        promote(JobFolder(home_of(other)), JobFolder(home_of(job)).versions()[0].bundle, other)
        Path(str(job.sink.path)).unlink()
        run(other, FIRST)
        assert digest(job) == first
        assert run(other, FIRST + pd.Timedelta(hours=9)).again

    def test_hours_after_the_cutoff_may_be_known(self, make_job: MakeJob, write: Callable[..., Path]) -> None:
        path = write(FIRST + pd.Timedelta(hours=3))
        strict = self.job(make_job, path).model_copy(update={"checks": make_job().checks})
        with pytest.raises(
            PanelError, match=r"loads rows later than it, raise source.known_hours.*loaded_at"
        ):
            run(strict)
        job = self.job(make_job, path, known_hours=3)
        assert run(job.model_copy(update={"checks": strict.checks})).published
        with pytest.raises(PanelError, match="later than 2 hours after it"):
            run(self.job(make_job, path, known_hours=2).model_copy(update={"checks": strict.checks}))

    def test_rows_that_do_not_say_are_counted(self, make_job: MakeJob, write: Callable[..., Path]) -> None:
        outcome = run(self.job(make_job, write(pd.NaT)))
        assert told(outcome, "known_at") == [
            "Every row must say in 'loaded_at' (source.known_at) when it became known. Received: 3 rows that "
            "do not, which are left out; fill them in."
        ]
        assert "known_at" in {finding["check"] for finding in outcome.night.record["findings"]}

    def test_where_none_says_there_is_nothing_to_know(self, make_job: MakeJob, tmp_path: Path) -> None:
        sales().assign(loaded_at=pd.NaT).to_parquet(tmp_path / "never.parquet")
        with pytest.raises(PanelError, match="Received: 450 rows that do not"):
            run(self.job(make_job, tmp_path / "never.parquet"))


class TestFilesThatAreWritten:
    @pytest.mark.parametrize("cut", [0, 1, 4])
    def test_a_last_line_without_an_end_is_told(self, make_job: MakeJob, tmp_path: Path, cut: int) -> None:
        path = tmp_path / "sales.csv"
        text = sales()[lambda rows: rows["ds"] <= FIRST].to_csv(index=False)
        path.write_text(text[: len(text) - cut])
        outcome = run(make_job(source={"path": str(path)}), dry_run=True)
        assert bool(told(outcome, "source")) is bool(cut)
        assert not told(run(make_job(), dry_run=True), "source")

    def test_a_file_that_changes_while_it_is_read_is_read_later(
        self, make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "sales.csv"
        sales().to_csv(path, index=False)
        read = sources._read_csv

        def slow(*args: Any) -> pd.DataFrame:
            frame = read(*args)
            with path.open("a") as more:
                more.write("shop 0,2025-01-01,1\n")
            return frame

        monkeypatch.setattr(sources, "_read_csv", slow)
        with pytest.raises(BusyError, match="which is being written; try again when that has ended"):
            run(make_job(source={"path": str(path)}))

    def test_a_link_stays_and_leads_to_the_forecast(self, make_job: MakeJob, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        for name in ("forecasts.parquet", "forecasts.parquet.manifest.json"):
            (tmp_path / name).symlink_to(elsewhere / name)
        job = make_job()
        run(job)
        assert run(job).again
        assert len(published(job)) == 9
        assert {path.name for path in elsewhere.iterdir()} == {
            "forecasts.parquet",
            "forecasts.parquet.manifest.json",
        }
        assert Path(str(job.sink.path)).is_symlink()
        assert (tmp_path / "forecasts.parquet.manifest.json").is_symlink()
        assert status(job)["published"]["night"] == "20240410T000000"


PRICED: dict[str, Any] = {**MODEL, "covariates": {"future": ["price"], "past": ["load"]}}


def priced() -> pd.DataFrame:
    """Sales with a price that is known ahead, and a load that is not."""
    return sales().assign(price=lambda rows: rows["y"].round(), load=1.0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that needs prices."""
    place = tmp_path_factory.mktemp("priced") / "bundle"
    Forecaster(**PRICED).fit(priced().query("ds <= '2024-03-01'")).save(place)
    return place


class TestFutureCovariates:
    @pytest.fixture
    def rows(self) -> pd.DataFrame:
        return priced()

    @pytest.fixture
    def job(self, make_job: MakeJob, bundle: Path, tmp_path: Path) -> JobSettings:
        job = make_job(champions=0, model=PRICED, source={"path": str(tmp_path / "priced.parquet")})
        for _ in range(2):
            promote(JobFolder(home_of(job)), bundle, job)
        return job

    def test_series_that_lack_them_fall_back_alone(
        self, job: JobSettings, rows: pd.DataFrame, tmp_path: Path
    ) -> None:
        rows.to_parquet(tmp_path / "priced.parquet")
        whole = run(job, dry_run=True)
        assert whole.night.models == {"TCN v2": 3}
        lost = (rows["unique_id"] == "shop 1") & (rows["ds"] > FIRST + pd.Timedelta(days=1))
        rows[~lost].to_parquet(tmp_path / "priced.parquet")
        outcome = run(job)
        assert outcome.night.models == {"SeasonalNaive": 1, "TCN v2": 2}
        models = published(job).groupby("unique_id")["model"].first().to_dict()
        assert models == {"shop 0": "TCN v2", "shop 1": "SeasonalNaive", "shop 2": "TCN v2"}
        (text,) = told(outcome, "future")
        assert "1 series lack future covariates, and are left to SeasonalNaive: 'shop 1'." in text
        assert "no row for series 'shop 1' from 2024-04-12" in text
        assert told(outcome, "fallback")

    def test_where_all_lack_them_nothing_is_published(
        self, job: JobSettings, rows: pd.DataFrame, tmp_path: Path
    ) -> None:
        rows[rows["ds"] <= FIRST].to_parquet(tmp_path / "priced.parquet")
        with pytest.raises(PanelError, match="A forecast needs 'price' for every step ahead"):
            run(job)
        assert not Path(str(job.sink.path)).exists()

    def test_the_error_names_all_that_lack_them(self, bundle: Path, rows: pd.DataFrame) -> None:
        future = rows[(rows["unique_id"] == "shop 2") & (rows["ds"] > "2024-03-01")].drop(
            columns=["y", "load"]
        )
        with pytest.raises(LackingError) as refused:
            Forecaster.load(bundle).predict(rows[rows["ds"] <= "2024-03-01"], future)
        assert refused.value.series == ("shop 0", "shop 1")


class TestClocks:
    @pytest.fixture
    def hours(self, tmp_path: Path) -> Path:
        stamps = pd.date_range("2024-03-25", periods=24 * 10, freq="h", tz="Europe/Oslo")
        pd.DataFrame({"unique_id": "a", "ds": stamps, "y": range(len(stamps))}).to_parquet(
            tmp_path / "h.parquet"
        )
        return tmp_path / "h.parquet"

    def test_a_time_that_clocks_skip_is_told(self, make_job: MakeJob, hours: Path) -> None:
        model = {**MODEL, "freq": "h"}
        job = make_job(champions=0, source={"path": str(hours)}, model=model, retrain={"every": None})
        notes = Notes()
        outcome = run(job, "2024-03-31 02:30", dry_run=True, progress=notes)
        assert outcome.night.cutoff == pd.Timestamp("2024-03-31 01:00", tz="UTC")
        assert any(
            "2024-03-31 02:30:00 does not come in Europe/Oslo, where clocks skip it" in text
            and "an offset such as +01:00 says which is meant" in text
            for text in notes.texts
        )
        notes = Notes()
        run(job, "2024-03-31 01:00", dry_run=True, progress=notes)
        assert not any("Oslo" in text for text in notes.texts)


def test_status_lists_the_night_that_readers_see(make_job: MakeJob) -> None:
    job = make_job()
    run(job, FIRST - pd.Timedelta(days=1))
    fingerprints = [run(job).night.fingerprint]
    for multiple in (4.0, 5.0, 6.0):
        other = make_job(gates={"max_multiple": multiple})
        fingerprints.append(run(other).night.fingerprint)
        latest = status(job)["nights"][0]
        assert latest["fingerprint"] == fingerprints[-1] == status(job)["published"]["fingerprint"]
    assert len({*fingerprints}) == 4
    assert [night["cutoff"] for night in status(job)["nights"]] == ["20240410T000000", "20240409T000000"]
    for settings, own in ((job, fingerprints[0]), (other, fingerprints[-1])):
        assert JobFolder.of(settings).nights(count=1)[0].fingerprint == own


def test_series_that_static_covariates_lack_have_a_cause(make_job: MakeJob, tmp_path: Path) -> None:
    model = {**MODEL, "covariates": {"static": ["region"]}}
    places = pd.DataFrame({"unique_id": [f"shop {number}" for number in range(3)], "region": ["n", "s", "n"]})
    places.to_csv(tmp_path / "places.csv", index=False)
    source = {"path": str(tmp_path / "sales.parquet"), "static": str(tmp_path / "places.csv")}
    sales().to_parquet(tmp_path / "sales.parquet")
    job = make_job(champions=0, model={**model, "max_steps": 1}, source=source)
    run(job)
    places[:2].to_csv(tmp_path / "places.csv", index=False)
    with pytest.raises(
        PanelError, match=r"'shop 2'; .* or whether .*places.csv \(source.static\) lacks them"
    ):
        run(job, FIRST + pd.Timedelta(days=1))


class TestMessages:
    def test_what_a_command_has_started_ends_with_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notify, "_COMMAND_SECONDS", 2.0)
        code = (
            "import pathlib, subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
            "time.sleep(600)\n"
        )
        job = JobSettings(
            name="sales",
            source={"path": "a.csv"},
            sink={"path": "b.csv"},
            model={"horizon": 1},
            notify={"command": [sys.executable, "-c", code]},
        )
        assert notify.notify(job, {"failure": ["x"]}, {}) == [
            "notify.command took longer than 2 s and was stopped."
        ]
        child = int((tmp_path / "child").read_text())
        for _ in range(200):
            if not _runs(child):
                return
            time.sleep(0.05)
        os.kill(child, 9)
        pytest.fail("What the command had started went on.")


def _runs(pid: int) -> bool:
    """Whether a process is there and is no mere entry that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestPlaces:
    def test_what_fails_after_the_forecast_is_out_is_told_and_takes_nothing_back(
        self, make_job: MakeJob
    ) -> None:
        job = make_job()
        (home_of(job) / "status.html").mkdir()
        outcome = run(job)
        assert outcome.published
        (message,) = told(outcome, "state")
        assert "status.html" in message
        assert run(job).again

    def test_a_dry_run_of_a_new_job_makes_no_folder(self, make_job: MakeJob, tmp_path: Path) -> None:
        job = make_job(champions=0)
        before = {*tmp_path.rglob("*")}
        outcome = run(job, dry_run=True)
        assert outcome.night.models == {"SeasonalNaive": 3}
        assert {*tmp_path.rglob("*")} == before

    def test_a_dry_run_need_not_wait_for_a_night(self, make_job: MakeJob) -> None:
        job = make_job()
        with JobFolder.of(job).held():
            assert run(job, dry_run=True).night.models == {"TCN v1": 3}
