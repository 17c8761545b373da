"""What a night learns from those before it: the same bits in partitions, here and by workers."""

from pathlib import Path

import pandas as pd
import pytest
from nightly_cases import DAYS, forecasts_of, history_of, job_of, snapshot_of

from pipelines.nightly.outdone import outdone
from pipelines.nightly.partitions import open_partitions, told_to_workers
from pipelines.nightly.recalling import recall
from pipelines.nightly.records import Version
from pipelines.nightly.scoring import score_nights
from pipelines.nightly.settings import JobSettings
from pipelines.nightly.widths import widths_of

HISTORY = history_of(n_series=7, n_rows=130)
CHAMPION = Version(1, Path("bundle"), {"series": ["s0"]})
STATIC = pd.DataFrame({"unique_id": [f"s{i}" for i in range(6)], "state": ["CA", "TX"] * 3})


@pytest.fixture(scope="module")
def nights():
    """Nights that err more than seasonal naive, some of them without some of the series."""
    made = [(cutoff, forecasts_of(HISTORY, cutoff)) for cutoff in DAYS[105:129]]
    made[3] = made[3][0], made[3][1].query("unique_id > 's2'")
    return [(cutoff, frame.assign(TCN=frame["TCN"] + 8)) for cutoff, frame in made]


@pytest.fixture(scope="module")
def files(nights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nights")
    for number, (_, frame) in enumerate(nights):
        frame.to_parquet(folder / f"{number}.parquet", index=False, row_group_size=9)
    return [(cutoff, folder / f"{number}.parquet") for number, (cutoff, _) in enumerate(nights)]


def recalled(files, workers=None, **partitions):
    job = job_of(watch={"group": "state"}, partitions=partitions)
    return recall(files, snapshot_of(HISTORY, static=STATIC), job, CHAMPION, workers)


def assert_same(one, other, exact):
    assert one.widths == other.widths
    assert one.aside == other.aside or not exact
    for name in ("overall", "by_cutoff", "by_step", "by_group"):
        pd.testing.assert_frame_equal(
            getattr(one.scored, name), getattr(other.scored, name), check_exact=exact, rtol=1e-12
        )


def test_it_is_what_each_of_them_says_alone(nights, files):
    found, job = recalled(files), job_of(watch={"group": "state"})
    assert found.widths == widths_of(nights, HISTORY, job)
    assert found.widths[80.0] != 1
    assert found.aside == outdone(nights, HISTORY, job, CHAMPION)
    assert found.aside is not None
    scored = score_nights(nights, HISTORY, job, STATIC)
    pd.testing.assert_frame_equal(found.scored.by_group, scored.by_group)
    assert set(scored.by_group["group"]) == {"CA", "TX", "(none)"}


@pytest.mark.parametrize("series", [1, 3, 6])
def test_partitions_add_up_to_the_whole(files, series):
    assert_same(recalled(files, series=series), recalled(files), exact=False)


def test_workers_add_up_to_the_same_bits(files):
    here = recalled(files, series=3)
    job = job_of(partitions={"kind": "processes", "workers": 2, "series": 3})
    with open_partitions(job, 7) as workers:
        assert workers is not None
        assert_same(recalled(files, workers, series=3), here, exact=True)


def test_few_series_need_no_workers():
    with open_partitions(job_of(partitions={"kind": "processes", "series": 7}), 7) as workers:
        assert workers is None


def test_without_nights_and_without_a_champion_nothing_is_known(files):
    empty = recalled([])
    assert empty.widths == {80.0: 1.0, 95.0: 1.0}
    assert empty.aside is None
    assert empty.scored.nights == 0
    assert recall(files, snapshot_of(HISTORY), job_of(), None).aside is None


def test_settings_that_leave_the_process_hold_no_password():
    job = JobSettings(
        name="j",
        source={"url": "postgresql://ann:secret@host/db", "table": "t"},
        sink={"url": "postgresql://ann:secret@host/db", "table": "f"},
        model={"horizon": 3},
        notify={"webhook": "https://host/secret"},
        tracking={"uri": "http://ann:secret@host"},
    )
    told = told_to_workers(job)
    values = [told.source, told.sink, told.notify, told.tracking]
    assert "secret" not in repr([value.model_dump() for value in values])
    assert told.model == job.model
    assert told.watch == job.watch
    assert told.notify.webhook is None
