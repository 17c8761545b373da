"""A small job with a network that was trained once: nights are then a matter of milliseconds."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from pipelines.forecaster import Forecaster
from pipelines.nightly.champions import version_record
from pipelines.nightly.facts import facts_of
from pipelines.nightly.records import Snapshot
from pipelines.nightly.settings import JobSettings
from pipelines.nightly.state import JobFolder, home_of
from pipelines.saving import runtime_of

NOW = datetime(2024, 5, 1, tzinfo=UTC)
FIRST = pd.Timestamp("2024-04-10")
MODEL = {
    "horizon": 3,
    "freq": "D",
    "levels": [80.0],
    "lookback": 14,
    "filters": 4,
    "dilations": [1, 2],
    "ensemble": 1,
    "max_steps": 8,
    "preset": "fast",
}


def sales(days: int = 150) -> pd.DataFrame:
    """Three shops with a week's season and some noise."""
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=days)
    parts = [
        pd.DataFrame(
            {
                "unique_id": f"shop {number}",
                "ds": stamps,
                "y": (10.0 + number)
                * (3 + np.sin(2 * np.pi * np.arange(days) / 7) + rng.normal(0, 0.3, days)),
            }
        )
        for number in range(3)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[Path]:
    """Two networks, which have learned other seeds: trained once for all processes of the tests."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "bundles"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            known = sales().query("ds <= '2024-03-01'")
            for seed in (0, 1):
                Forecaster(**MODEL, seed=seed).fit(known).save(folder.with_name("making") / f"{seed}")
            folder.with_name("making").rename(folder)
    return [folder / "0", folder / "1"]


@pytest.fixture
def make_job(tmp_path: Path, bundles: list[Path]) -> Callable[..., JobSettings]:
    """Make a job whose champion is the first network, and its challenger, which never ruled, the second."""

    def make(champions: int = 1, **tables: Any) -> JobSettings:
        source = tmp_path / "sales.parquet"
        if not source.exists():
            sales().to_parquet(source)
        usual: dict[str, Any] = {
            "folder": tmp_path / "state",
            "source": {"path": str(source)},
            "sink": {"path": str(tmp_path / "forecasts.parquet")},
            "model": MODEL,
            "tracking": {"enabled": False},
            "retrain": {"on_alarm": False},
        }
        job = JobSettings(name="sales", **{**usual, **tables})
        folder = JobFolder(home_of(job))
        if not folder.promotions():
            for bundle in bundles[:champions]:
                promote(folder, bundle, job)
        return job

    return make


def promote(folder: JobFolder, bundle: Path, job: JobSettings) -> int:
    """Make a network the champion, without any test."""
    known = sales().query("ds <= '2024-03-01'")
    record = version_record(
        Forecaster.load(bundle, runtime_of(bundle)),
        job.name,
        pd.Timestamp("2024-03-01"),
        "",
        promoted=True,
        scores={},
        facts=facts_of(Snapshot(known), job),
    )
    version = folder.write_version(lambda place: _copy(bundle, place), record)
    folder.promote(version.number, "for a test", "20240301T000000")
    return version.number


def digest(job: JobSettings) -> str:
    """SHA-256 of what is published."""
    return hashlib.sha256(Path(str(job.sink.path)).read_bytes()).hexdigest()


def published(job: JobSettings) -> pd.DataFrame:
    """What readers see."""
    return pd.read_parquet(str(job.sink.path))


def _copy(bundle: Path, place: Path) -> None:
    shutil.copytree(bundle, place)
