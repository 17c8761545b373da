"""Nights in MLflow: one run for each key, and a registry that people and the job both move the alias of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from job_cases import FIRST, NOW, bundles, make_job, promote, sales

from pipelines.errors import PanelError
from pipelines.nightly import JobSettings
from pipelines.nightly.afterwards import Outcome
from pipelines.nightly.operating import rollback
from pipelines.nightly.running import run_night
from pipelines.nightly.state import JobFolder, home_of
from pipelines.nightly.status import status
from pipelines.serving import Reference, Registry, register
from pipelines.tracking import Tracker

__all__ = ["bundles", "make_job"]
MakeJob = Callable[..., JobSettings]
pytestmark = pytest.mark.usefixtures("quick_stores", "eagerly")


def run(job: JobSettings, cutoff: Any = FIRST) -> Outcome:
    return run_night(job, pd.Timestamp(cutoff), now=NOW)


def runs(job: JobSettings, kind: str) -> list[Any]:
    return list(Tracker(home_of(job) / "tracking", job.name).find_runs("tcn.kind", kind))


def test_a_night_is_one_run_however_often_it_is_run(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(tracking={})
    first = run(job)
    assert run(job).run_id == first.run_id
    # Killed after the run, before the job could note it down.
    (JobFolder(home_of(job)).place(FIRST, job.fingerprint) / "done.json").unlink()
    assert run(job).run_id == first.run_id
    sales().rename(columns={"y": "sold"}).to_parquet(tmp_path / "sales.parquet")
    with pytest.raises(PanelError):
        run(job, "2024-04-11")
    night, failed = sorted(runs(job, "night"), key=lambda each: each.info.run_name)
    assert (night.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert "sold" in failed.data.tags["error"]
    assert night.data.params["champion"] == "1"
    assert night.data.metrics["night/series"] == 3
    sales().to_parquet(tmp_path / "sales.parquet")
    run(job, "2024-04-11")
    assert [each.info.status for each in runs(job, "night")] == ["FINISHED"] * 2
    assert "error" not in runs(job, "night")[1].data.tags
    (watch,) = runs(job, "job")
    history = Tracker(home_of(job) / "tracking", job.name)._client.get_metric_history(
        watch.info.run_id, "night/series"
    )
    days = [(pd.Timestamp(day) - pd.Timestamp(0)).days for day in ("2024-04-10", "2024-04-11")]
    assert sorted({point.step for point in history}) == days


def test_a_store_that_cannot_be_used_costs_no_forecast(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    job = make_job(tracking={"uri": str(tmp_path / "file" / "store")})
    outcome = run(job)
    assert outcome.published
    assert outcome.run_id is None
    assert "tracking" in {finding.check for finding in outcome.findings}


def test_the_alias_is_moved_by_the_job_and_followed(make_job: MakeJob, bundles: list[Path]) -> None:
    job = make_job(tracking={"model": "sales"})
    store = home_of(job) / "tracking"
    run(job)
    registry = Registry(store)
    assert [(each.version, each.aliases) for each in registry.list()] == [("1", ("champion",))]
    # A person registers another network and makes it champion.
    register(bundles[1], "sales", store, "champion")
    outcome = run(job, "2024-04-11")
    assert outcome.night.models == {"TCN v2": 3}
    assert "registry" in {finding.check for finding in outcome.findings}
    assert run(job, "2024-04-12").night.models == {"TCN v2": 3}
    # Back by the job: the alias goes, too, and stays.
    rollback(job, now=NOW)
    assert registry.find(Reference("sales", alias="champion")).version == "1"
    assert run(job, "2024-04-13").night.models == {"TCN v1": 3}
    assert len(registry.list()) == 2
    # By hand to a version that the job knows.
    registry.promote(Reference("sales", version="2"))
    assert run(job, "2024-04-14").night.models == {"TCN v2": 3}
    assert len(status(job)["versions"]) == 2


def test_a_new_job_begins_with_the_registered_champion_and_follows_it(
    make_job: MakeJob, bundles: list[Path], tmp_path: Path
) -> None:
    shared = {"model": "sales", "uri": str(tmp_path / "store")}
    register(bundles[0], "sales", tmp_path / "store", "champion")
    job = make_job(champions=0, tracking=shared)
    outcome = run(job)
    assert outcome.night.models == {"TCN v1": 3}
    assert outcome.retrained is None
    assert "registry" in {finding.check for finding in outcome.findings}
    assert len(Registry(tmp_path / "store").list()) == 1
    register(bundles[1], "sales", tmp_path / "store", "champion")
    assert run(job, "2024-04-11").night.models == {"TCN v2": 3}


def test_a_champion_that_could_not_be_registered_is_registered_later(
    make_job: MakeJob, bundles: list[Path], tmp_path: Path
) -> None:
    job = make_job(tracking={"model": "sales", "uri": str(tmp_path / "store")})
    run(job)
    promote(JobFolder(home_of(job)), bundles[1], job)
    shutil.move(tmp_path / "store", tmp_path / "away")
    (tmp_path / "store").write_text("no store")
    outcome = run(job, "2024-04-11")
    assert outcome.night.models == {"TCN v2": 3}
    assert "registry" in {finding.check for finding in outcome.findings}
    (tmp_path / "store").unlink()
    shutil.move(tmp_path / "away", tmp_path / "store")
    assert run(job, "2024-04-12").night.models == {"TCN v2": 3}
    assert Registry(tmp_path / "store").find(Reference("sales", alias="champion")).version == "2"
