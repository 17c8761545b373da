"""Long stretches of one value: found, told of, and not learned from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_forecasters import SMALL, frame_of, weekly

from pipelines import Forecaster, Panel
from pipelines.config import Settings
from pipelines.network import ChunkGatherer
from pipelines.panel import find_silence
from pipelines.plan import make_plan
from pipelines.windows import SeriesTable

SEASON = 3
series_lists = st.lists(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.0, 1.0, 2.0, np.nan]), st.sampled_from([1, 1, 1, 2, 9, 60])),
        min_size=1,
        max_size=25,
    ),
    min_size=1,
    max_size=4,
)


def runs_of(y):
    """Runs of equal observed values of a series, as lists of their rows."""
    runs, last = [], None
    for row, value in enumerate(y):
        if np.isnan(value):
            continue
        if value != last:
            runs.append([])
        runs[-1].append(row)
        last = value
    return runs


@given(series_lists)
def test_silence_is_what_a_loop_finds(parts):
    series = [np.repeat(*zip(*part, strict=True)) for part in parts]
    indptr = np.cumsum([0, *map(len, series)])
    found = find_silence(np.concatenate(series), indptr, SEASON)
    expected = []
    for i, y in enumerate(series):
        runs = runs_of(y)
        usual = np.mean([len(run) for run in runs]) if runs else 0
        expected += [
            (i, indptr[i] + run[0], indptr[i] + run[-1], len(run))
            for run in runs
            if len(run) >= max(2 * SEASON, 20 * usual)
        ]
    assert [tuple(map(int, stretch)) for stretch in zip(*found, strict=True)] == expected


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.99])
def test_demand_that_comes_by_chance_is_not_silent(share):
    rng = np.random.default_rng(0)
    sales = np.where(rng.random(20_000) < share, 0.0, rng.poisson(3, 20_000) + 1.0)
    assert len(find_silence(sales, np.array([0, len(sales)]), 7).first) <= 1


def test_steps_and_constants_are_not_silent():
    steps = np.repeat(np.random.default_rng(0).normal(size=40), 50)
    for y in (steps, np.zeros(500), np.full(500, np.nan)):
        assert not len(find_silence(y, np.array([0, len(y)]), 7).first)


def silent_frame():
    """A series with sixty silent days, and one without."""
    dead = weekly(200, 1)
    dead[80:140] = 0.0
    return frame_of({"dead": dead, "live": weekly(150, 2)})


def test_panels_and_plans_name_it():
    panel = Panel.from_frame(silent_frame())
    days = "from 2024-03-21 00:00:00 to 2024-05-19 00:00:00"
    text = f"1 long silence (series 'dead': constant at 0 {days}, 60 rows)"
    assert text in str(panel.notes)
    notes = Forecaster(**SMALL).plan(panel).notes
    assert text in notes
    assert "nothing is learned from 60 rows of long silence" in notes
    quiet = Forecaster(**SMALL).plan(panel.select([1])).notes
    assert not any("silence" in note for note in quiet)


def test_the_longest_are_named_first():
    y = weekly(700, 1)
    for begin, length in ((50, 40), (150, 41), (300, 60), (500, 50)):
        y[begin : begin + length] = begin
    note = str(Panel.from_frame(frame_of({"a": y})).notes).splitlines()[-1]
    assert note.startswith("4 long silences (series 'a': constant at 300 from")
    assert note.endswith("41 rows; ...)")


def test_stamps_are_shown_in_the_zone_that_was_given():
    stamps = pd.date_range("2024-01-01", periods=300, freq="h", tz="Asia/Tokyo")
    y = weekly(300, 1)
    y[100:200] = 0.0
    panel = Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": stamps, "y": y}))
    [stretch] = panel.notes.silent
    assert (stretch.first, stretch.last) == (str(stamps[100]), str(stamps[199]))


def gathered(panel, **changes):
    """Which targets count, of every origin in chunks of four."""
    table = replace(SeriesTable.from_panel(panel, 7), **changes)
    plan = make_plan(Settings.of(SMALL), panel, table)
    gatherer = ChunkGatherer.of(table, replace(plan, origins_per_chunk=4, members=1), context=10)
    newest = np.arange(3, panel.n_rows, 4, dtype=np.int32)[None]
    series = np.searchsorted(panel.indptr, newest, side="right").astype(np.int32) - 1
    return gatherer.gather(series, newest).known.numpy()[0], newest[0]


def test_silent_rows_are_neither_origins_nor_targets():
    panel = Panel.from_frame(silent_frame())
    known, newest = gathered(panel)
    everything, _ = gathered(panel, silent=None)
    dropped = 0
    for chunk, last in enumerate(newest):
        for k in range(4):
            origin = last - 3 + k
            for step in range(SMALL["horizon"]):
                hidden = 80 <= origin < 140 or 80 <= origin + step + 1 < 140
                assert known[chunk, k, step] == (everything[chunk, k, step] and not hidden)
                dropped += everything[chunk, k, step] and hidden
    assert dropped > 200


def test_sizes_of_series_are_those_of_what_is_learned():
    panel = Panel.from_frame(silent_frame())
    table = SeriesTable.from_panel(panel, 7)
    with_gap = replace(panel, values=np.where(table.silent, np.nan, panel.values))
    np.testing.assert_array_equal(table.weight, SeriesTable.from_panel(with_gap, 7).weight)


def test_without_silence_nothing_is_marked():
    panel = Panel.from_frame(frame_of({"a": weekly(90, 1), "b": weekly(60, 2)}))
    table = SeriesTable.from_panel(panel, 7)
    assert table.silent is None
    plan = make_plan(Settings.of(SMALL), panel, table)
    assert ChunkGatherer.of(table, plan, 10).silent is None
    assert (plan.fill_gaps, plan.head) == (False, "quantile")
