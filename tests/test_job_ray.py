"""Partitions of a job on a Ray cluster of this machine: the bits of a single process, also if workers die."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec

import pandas as pd
import pytest
from job_cases import FIRST, NOW, bundles, make_job, published
from worker_calls import forecast_part_killed_once

from pipelines.nightly import JobSettings
from pipelines.nightly.running import run_night
from pipelines.nightly.state import home_of

__all__ = ["bundles", "make_job"]
pytestmark = pytest.mark.skipif(
    find_spec("ray") is None, reason="needs the extra 'ray': make test-ray runs it"
)


def test_workers_of_a_cluster_change_no_bit_and_one_that_is_killed_is_replaced(
    make_job: Callable[..., JobSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = []
    for partitions in ({"series": 2}, {"series": 2, "kind": "ray", "workers": 2}):
        job = make_job(partitions=partitions)
        shutil.rmtree(home_of(job) / "nights", ignore_errors=True)
        for night in (FIRST, FIRST + pd.Timedelta(days=1)):  # the second one looks back at the first
            run_night(job, night, now=NOW)
        frames.append(published(job))
        monkeypatch.setattr("pipelines.nightly.partitions._forecast_part", forecast_part_killed_once)
    (killed,) = home_of(job).glob("versions/*/killed")
    assert int(killed.read_text()) != os.getpid()
    pd.testing.assert_frame_equal(*frames, check_exact=True)
