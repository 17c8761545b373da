"""Where origins may lie, what is gathered around them, and what the network is shown."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import EXTREME, frame_of, weekly

from pipelines import Panel
from pipelines.config import Settings
from pipelines.network import ChunkGatherer, DeviceTable
from pipelines.plan import make_plan
from pipelines.windows import (
    LARGEST,
    ChunkSampler,
    SeriesTable,
    blocks,
    calendar_phase,
    eras,
    held_out_eras,
    loss_weights,
    usual_change,
)

SEASON = 7
values = st.one_of(
    st.just(np.nan), st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 1e300, -1.7e308, 5e-324])
)
series_lists = st.lists(st.lists(values, min_size=1, max_size=25), min_size=1, max_size=4)


def panel_of(series, **arguments):
    return Panel.from_frame(frame_of(dict(enumerate(series))), freq="D", **arguments)


def table_of(series, season_length=SEASON):
    return SeriesTable.from_panel(panel_of(series), season_length)


# What the network is shown


@given(series_lists)
def test_conditioning_is_undone_by_base_and_unit(series):
    table = table_of(series)
    for i, y in enumerate(series):
        rows = slice(table.indptr[i], table.indptr[i + 1])
        y = np.array(y)
        np.testing.assert_array_equal(table.observed[rows], ~np.isnan(y))
        shown = np.where(table.observed[rows], table.values[rows].astype(float), np.nan)
        assert np.isfinite(table.base[i])
        assert np.log2(table.unit[i]) == np.round(np.log2(table.unit[i]))
        # Compared in the units shown: the bound is float32's seven digits, and what a float can hold.
        with np.errstate(over="ignore"):
            exact = np.clip((y - table.base[i]) / table.unit[i], -LARGEST, LARGEST)
        np.testing.assert_allclose(shown, exact, rtol=1e-7, atol=1e-37)
        with np.errstate(over="ignore"):
            back = table.base[i] + table.unit[i] * shown
        usual = np.abs(shown) < LARGEST
        np.testing.assert_allclose(
            back[usual], y[usual], rtol=1e-6, atol=1e-6 * np.nanmax(np.abs(y), initial=0)
        )


@given(series_lists)
def test_first_rows_are_those_of_a_loop(series):
    table = table_of(series)
    for i, y in enumerate(series):
        begin, end = table.indptr[i], table.indptr[i + 1]
        seen = next((k for k, v in enumerate(y) if not np.isnan(v)), len(y))
        moved = next((k for k, v in enumerate(y) if not np.isnan(v) and v != y[seen]), len(y))
        assert (table.seen[i] - begin, table.moved[i] - begin) == (seen, moved)
        assert table.negative[i] - begin == next((k for k, v in enumerate(y) if v < 0), len(y))
        assert table.base[i] == (y[seen] if seen < len(y) else 0.0)
        first = max(min(SEASON, len(y) - 2), moved)
        assert table.first_origin[i] == first
        assert table.origins[i] == len([k for k in range(len(y)) if first <= k < len(y) - 1])
        assert 0 <= table.origins[i] <= end - begin


@given(series_lists)
@settings(max_examples=50)
def test_nothing_that_follows_changes_what_was_shown(series):
    whole = table_of(series)
    for cut in (1, 5, 12):
        part = table_of([y[:cut] for y in series])
        for i in range(len(series)):
            known = part.indptr[i + 1]
            if part.moved[i] < known:  # from the first change on
                assert (part.base[i], part.unit[i]) == (whole.base[i], whole.unit[i])
                assert part.offset[i] == whole.offset[i]
                for name in ("values", "observed", "change"):
                    np.testing.assert_array_equal(
                        getattr(part, name)[part.indptr[i] : known],
                        getattr(whole, name)[whole.indptr[i] :][: known - part.indptr[i]],
                    )


@given(series_lists)
def test_gaps_carry_a_change_that_grows(series):
    table = table_of(series)
    for i, y in enumerate(series):
        change, since = 0.0, 0
        for row, seen in zip(range(table.indptr[i], table.indptr[i + 1]), ~np.isnan(y), strict=True):
            since += 1
            if seen:
                change, since = table.change[row], 0
            assert table.change[row] == pytest.approx(change * np.sqrt(1 + since), rel=1e-6)


@given(
    st.lists(st.lists(st.one_of(st.just(np.nan), st.floats(-100, 100)), max_size=20), min_size=1, max_size=3),
    st.sampled_from([1, 12]),
)
def test_the_usual_change_is_a_weighted_mean(series, season_length):
    keep = 0.5 ** (1 / (32 if season_length == 1 else 48))
    indptr = np.cumsum([0, *map(len, series)])
    found = usual_change(np.array([v for y in series for v in y]), indptr, season_length)
    for i, y in enumerate(series):
        changes, last = [], None
        for k, value in enumerate(y):
            if np.isnan(value):
                assert np.isnan(found[indptr[i] + k])
                continue
            if last is not None:
                changes.append(abs(value - last))
            last = value
            weights = keep ** np.arange(len(changes))[::-1]
            expected = np.average(changes, weights=weights) if changes else 0.0
            assert found[indptr[i] + k] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_blocks_of_any_size_give_the_same_table(monkeypatch):
    panel = panel_of([weekly(20), EXTREME["nothing"], EXTREME["gaps"], -weekly(9), EXTREME["late"]])
    whole = SeriesTable.from_panel(panel, SEASON)
    for rows in (1, 25, 60):
        monkeypatch.setattr(blocks, "_ROWS", rows)
        part = SeriesTable.from_panel(panel, SEASON)
        for field in fields(SeriesTable):
            np.testing.assert_array_equal(
                getattr(part, field.name), getattr(whole, field.name), err_msg=field.name
            )


def test_the_panel_is_not_changed():
    panel = panel_of([weekly(20), EXTREME["gaps"]])
    before = panel.values.copy()
    table = SeriesTable.from_panel(panel, SEASON)
    np.testing.assert_array_equal(panel.values, before)
    assert not np.shares_memory(table.values, panel.values)
    assert table.values.dtype == table.offset.dtype == np.float32


def test_offsets_restore_the_level():
    series = [weekly(30, 1, 1e6), weekly(30, 2) - 3e5, np.zeros(4)]
    table = table_of(series)
    for i, y in enumerate(series):
        shown = table.values[table.indptr[i] : table.indptr[i + 1]]
        np.testing.assert_allclose((shown + table.offset[i]) * table.unit[i], y, rtol=1e-6)


# Weights in the loss


def weights_of(series):
    indptr = np.cumsum([0, *map(len, series)])
    return loss_weights(np.concatenate(series).astype(float), indptr, SEASON)


@given(st.floats(-100, 100), st.floats(1e-6, 1e6))
def test_a_weight_undoes_the_size_and_ignores_the_level(shift, size):
    y = weekly(40, 1)
    one, two = weights_of([y, shift + size * y])
    assert two * size == pytest.approx(one, rel=1e-3)


def test_weights_do_not_depend_on_the_other_series():
    all_of_them = [weekly(30, 1), np.full(5, 3.0), EXTREME["gaps"], np.array([np.nan]), np.arange(9.0)]
    together = weights_of(all_of_them)
    for y, weight in zip(all_of_them, together, strict=True):
        assert weights_of([y])[0] == weight
    assert (together > 0).all()
    assert together[1] == together[3] == 1.0  # neither has a size


@pytest.mark.parametrize("name", EXTREME)
def test_weights_of_anything_are_positive_numbers(name):
    table = table_of([EXTREME[name], weekly(30)])
    assert np.isfinite(table.weight).all()
    assert (table.weight > 0).all()


# Origins


def test_every_origin_of_a_series_is_drawn_equally_often():
    series = [weekly(40, 1), weekly(13, 2), np.array([1.0]), np.array([1.0, 2.0]), np.zeros(30), weekly(9, 3)]
    table = table_of(series)
    per_chunk = 5
    which, newest = ChunkSampler(table, per_chunk).draw(np.random.default_rng(0), (400, 250))
    assert which.dtype == newest.dtype == np.int32
    assert which.shape == newest.shape == (400, 250)
    drawn = np.zeros(table.indptr[-1] + per_chunk, int)
    for back in range(per_chunk):
        np.add.at(drawn, newest - back, 1)
    owned = np.zeros(len(drawn), bool)
    for i in range(len(series)):
        first = table.indptr[i] + table.first_origin[i]
        allowed = range(first, first + table.origins[i])
        mine = np.bincount((newest[which == i][:, None] - np.arange(per_chunk)).ravel(), minlength=len(drawn))
        counts = mine[list(allowed)]
        if table.origins[i]:
            mean = counts.mean()
            assert np.abs(counts - mean).max() < 5 * np.sqrt(mean)
            owned[list(allowed)] = True
            assert newest[which == i].min() == first
            assert newest[which == i].max() == first + table.origins[i] + per_chunk - 2
        else:
            assert not (which == i).any()
    share = np.bincount(which.ravel(), minlength=len(series)) / which.size
    root = np.sqrt(table.origins)
    np.testing.assert_allclose(share, root / root.sum(), atol=0.006)
    assert list(table.origins) == [32, 5, 0, 0, 0, 1]


def test_two_values_make_no_origin_but_three_do():
    # The first change must lie at or before an origin, and a target after it.
    assert list(table_of([[1.0, 2.0], [1.0, 2.0, 3.0], [np.nan, 1.0, 2.0, 3.0]]).origins) == [0, 1, 1]


def test_draws_are_those_of_the_generator():
    sampler = ChunkSampler(table_of([weekly(40, 1), weekly(30, 2)]), 4)
    one, two, other = (sampler.draw(np.random.default_rng(seed), (3, 50)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (np.array(one) != np.array(other)).any()


# Chunks


@given(st.data())
@settings(max_examples=60)
def test_a_chunk_is_what_a_loop_gathers(data):
    series = [weekly(12, 1), EXTREME["one"], np.r_[np.nan, weekly(5, 2), np.nan], weekly(3, 3)]
    table = table_of(series)
    before, after = data.draw(st.integers(1, 20)), data.draw(st.integers(0, 6))
    which = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    newest = [int(table.indptr[i]) + data.draw(st.integers(-4, len(series[i]) + 5)) for i in which]
    inputs, targets = DeviceTable.from_table(table).chunk(np.int32(which), np.int32(newest), before, after)
    assert inputs.shape == (len(which), before, 5)
    assert targets.shape == (len(which), before + after)
    for k, (i, last) in enumerate(zip(which, newest, strict=True)):
        for column, row in enumerate(range(last - before + 1, last + after + 1)):
            inside = table.indptr[i] <= row < table.indptr[i + 1]
            known = inside and table.observed[row]
            np.testing.assert_array_equal(targets[k, column], table.values[row] if known else np.nan)
            if column < before:
                nearest = min(max(row, table.indptr[i]), table.indptr[i + 1] - 1)
                value, change = (table.values[row], table.change[row]) if inside else (0.0, 0.0)
                expected = [value, known, table.offset[i], table.phase[nearest], change]
                np.testing.assert_array_equal(inputs[k, column], np.float32(expected))


# The calendar


def phases_of(start, freq, tz=None, n=60, season_length=SEASON, given_freq=None):
    stamps = pd.date_range(start, periods=n, freq=freq, tz=tz)
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": 1.0})
    panel = Panel.from_frame(frame, freq=given_freq or freq)
    phase, phases = calendar_phase(panel, season_length)
    assert phase.dtype == np.int16
    assert len(phase) == n
    assert 0 <= phase.min() <= phase.max() < phases
    return stamps, phase, phases


@pytest.mark.parametrize("freq", ["h", "2h", "30min", "15min", "min", "12h", "s"])
def test_steps_shorter_than_a_day_have_hours_of_the_week(freq):
    stamps, phase, phases = phases_of("2024-03-30 05:00", freq, n=400)
    assert phases == 168
    np.testing.assert_array_equal(phase, stamps.day_of_week * 24 + stamps.hour)


@pytest.mark.parametrize("tz", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
def test_hours_are_those_of_the_time_zone_and_of_summer_time(tz):
    stamps, phase, _ = phases_of("2024-03-01", "h", tz=tz, n=1500)
    assert stamps[0].utcoffset() != stamps[-1].utcoffset() or tz == "Asia/Kathmandu"
    np.testing.assert_array_equal(phase, stamps.day_of_week * 24 + stamps.hour)


@pytest.mark.parametrize("freq", ["D", "B", "2D"])
@pytest.mark.parametrize("tz", [None, "America/New_York"])
def test_days_have_weekdays(freq, tz):
    stamps, phase, phases = phases_of("2024-02-26", freq, tz=tz)
    assert phases == 7
    np.testing.assert_array_equal(phase, stamps.day_of_week)


@pytest.mark.parametrize("freq", ["W", "W-WED"])
def test_weeks_have_weeks_of_the_year(freq):
    stamps, phase, phases = phases_of("2019-01-01", freq, n=320)
    assert phases == 52
    np.testing.assert_array_equal(phase, np.minimum((stamps.day_of_year - 1) // 7, 51))
    assert len(np.unique(phase)) == 52


@pytest.mark.parametrize(
    ("freq", "months"),
    [("MS", 1), ("ME", 1), ("BMS", 1), ("2MS", 2), ("QS", 3), ("QE", 3), ("QS-FEB", 3), ("6MS", 6)],
)
def test_months_have_months_of_the_year(freq, months):
    stamps, phase, phases = phases_of("2020-01-15", freq, n=40)
    assert phases == 12 // months
    np.testing.assert_array_equal(phase, (stamps.month - 1) // months)
    assert len(np.unique(phase)) == phases


@pytest.mark.parametrize("freq", ["YS", "YE", "5MS", "24MS"])
def test_no_position_where_the_year_is_no_cycle(freq):
    _, phase, phases = phases_of("2000-01-01", freq, n=20)
    assert phases == 1
    assert not phase.any()


@given(st.integers(-1000, 1000), st.integers(1, 5), st.integers(1, 600))
def test_integer_stamps_have_positions_in_the_season(start, step, season_length):
    stamps = start * step + step * np.arange(30)
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": 1.0})
    phase, phases = calendar_phase(Panel.from_frame(frame, freq=step), season_length)
    assert phases == (season_length if season_length <= 512 else 1)
    np.testing.assert_array_equal(phase, [(start + k) % phases for k in range(30)])


def test_a_row_has_the_same_position_in_every_part_of_a_panel():
    panel = panel_of([weekly(40), weekly(25)])
    whole, _ = calendar_phase(panel, SEASON)
    part, _ = calendar_phase(panel.tail(10), SEASON)
    np.testing.assert_array_equal(part, np.r_[whole[30:40], whole[55:65]])


# Which stretches of time a member must not learn from


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), min_size=1, max_size=5))
def test_eras_hold_equal_shares_of_the_rows(spans):
    frame = pd.concat(
        pd.DataFrame({"unique_id": i, "ds": np.arange(begin, begin + length), "y": 1.0})
        for i, (begin, length) in enumerate(spans)
    )
    panel = Panel.from_frame(frame, freq=1)
    stamps = panel.all_stamps()
    expected = [256 * int((stamps < stamp).sum()) / len(stamps) for stamp in stamps]
    # The product of a share and 256 may be rounded across a whole number.
    low, high = np.floor(np.array(expected) - 1e-9), np.floor(np.array(expected) + 1e-9)
    found = eras(panel)
    assert ((found == low) | (found == high)).all()


@given(st.integers(2, 300))
def test_members_are_kept_from_different_stretches(members):
    bounds = held_out_eras(members)
    begin, end = bounds.T
    assert bounds.shape == (members, 2)
    assert begin[0] == 0
    assert end[-1] <= 256
    assert (begin[1:] >= end[:-1]).all()
    assert (end - begin <= 43).all()  # a sixth at most
    if 6 <= members <= 256:
        assert (end > begin).all()
        assert (begin[1:] == end[:-1]).all()
        assert end[-1] == 256


def test_members_keep_most_of_what_can_be_learned():
    long = table_of([weekly(90, seed) for seed in range(3)])
    np.testing.assert_array_equal(long.held_out(6), held_out_eras(6))
    # The only targets are the last values: to hold them out would leave a member nothing.
    short = table_of([weekly(5, seed) for seed in range(30)])
    assert (short.origins == 1).all()
    begin, end = short.held_out(6).T
    assert not ((begin <= short.era[-1]) & (short.era[-1] < end)).any()


@given(series_lists, st.integers(1, 12))
@settings(max_examples=50)
def test_no_member_is_kept_from_almost_everything(series, members):
    table = table_of(series)
    owner = np.repeat(np.arange(len(series)), np.diff(table.indptr))
    target = np.arange(len(owner)) > (table.indptr[:-1] + table.first_origin)[owner]
    target &= table.observed
    for begin, end in table.held_out(members):
        held = target & (table.era >= begin) & (table.era < end)
        assert held.sum() <= 0.4 * target.sum()


def test_a_single_member_learns_from_everything():
    assert held_out_eras(1).tolist() == [[0, 0]]


def test_chunks_know_what_is_held_out():
    series = [weekly(60, 1), weekly(25, 2)]
    panel = panel_of(series)
    table = SeriesTable.from_panel(panel, SEASON)
    plan = make_plan(Settings(horizon=3), panel, table)
    context = 10
    gatherer = ChunkGatherer.of(table, replace(plan, members=2, chunks=4, origins_per_chunk=5), context)
    which, newest = ChunkSampler(table, 5).draw(np.random.default_rng(1), (2, 4))
    chunk = gatherer.gather(which, newest)
    assert chunk.inputs.shape == (2, 4, context + 5, 5)
    for (m, c, o, h), held in np.ndenumerate(chunk.held_out.numpy()):
        i, origin = int(which[m, c]), int(newest[m, c]) - 4 + o
        row = min(origin + 1 + h, panel.n_rows - 1)
        begin, end = held_out_eras(2)[m]
        assert held == (begin <= table.era[row] < end)
        inside = origin + 1 + h < panel.indptr[i + 1]
        assert chunk.known.numpy()[m, c, o, h] == (
            inside and origin >= panel.indptr[i] + table.first_origin[i]
        )
        if inside:
            assert chunk.target.numpy()[m, c, o, h] == table.values[origin + 1 + h]
    assert 0 < chunk.held_out.numpy().mean() < 1


def test_many_rows_have_the_usual_change_of_few(monkeypatch):
    values = np.random.default_rng(0).normal(size=3000)
    values[::7] = np.nan
    indptr = np.array([0, 7, 700, 3000])
    few = usual_change(values, indptr, 7)
    monkeypatch.setattr("pipelines.windows.scales._MANY_ROWS", 10)
    np.testing.assert_array_equal(usual_change(values, indptr, 7), few)
