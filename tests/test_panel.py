"""Panels as values: parts, equality, and properties that hold for any panel."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.frequency import Freq
from pipelines.panel import Panel

FREQS = [
    1,
    5,
    "h",
    "15min",
    "36h",
    "D",
    "2D",
    "B",
    "W-SUN",
    "W-TUE",
    "MS",
    "ME",
    "BME",
    "QS-FEB",
    "QE-DEC",
    "YS-JAN",
    "YE-JUN",
]
ZONES = [None, "UTC", "Europe/Paris", "Asia/Kolkata", "America/Sao_Paulo"]
ids = st.one_of(
    st.lists(st.integers(-5, 10**6), min_size=1, max_size=5, unique=True),
    st.lists(st.text(max_size=3), min_size=1, max_size=5, unique=True),
    st.lists(st.one_of(st.integers(0, 9), st.text("019a", max_size=1)), min_size=1, max_size=5, unique=True),
)


def stamps_of(freq, start, periods):
    """Stamps by pandas' own arithmetic, for an oracle."""
    if freq.is_integer:
        return np.arange(periods) * freq.step + start
    first = freq.offset.rollforward(pd.Timestamp("2010-01-01") + pd.Timedelta(hours=7 * start))
    return pd.date_range(first.normalize(), periods=periods, freq=freq.offset).as_unit("ns")


@st.composite
def long_frames(draw):
    """A regular frame with gaps and missing values, its frequency, and how many rows each series spans."""
    freq = Freq.parse(draw(st.sampled_from(FREQS)))
    zone = None if freq.is_integer else draw(st.sampled_from(ZONES))
    parts, spans = [], {}
    for name in draw(ids):
        n = draw(st.integers(1, 30))
        keep = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
        keep[[0, -1]] = True
        y = np.array(draw(st.lists(st.floats(width=32, allow_infinity=False), min_size=n, max_size=n)))
        stamps = pd.Series(stamps_of(freq, draw(st.integers(0, 400)), n))
        if zone is not None:
            local = pd.DatetimeIndex(stamps).tz_localize("UTC")
            if not freq.is_clock:
                naive = local.tz_localize(None)
                local = naive.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(n, bool))
            stamps = pd.Series(local.tz_convert(zone))
        parts.append(pd.DataFrame({"unique_id": pd.Series([name] * n), "ds": stamps, "y": y})[keep])
        spans[name] = n
    return pd.concat(parts, ignore_index=True), freq, spans


@settings(max_examples=50)
@given(long_frames())
def test_every_row_is_found_again_and_the_rest_is_missing(case):
    frame, freq, spans = case
    panel = Panel.from_frame(frame, freq=freq)
    assert dict(zip(panel.ids.tolist(), panel.lengths.tolist(), strict=True)) == spans
    back = panel.to_frame()
    assert back["ds"].dtype == frame["ds"].dtype
    joined = back.merge(frame, on=["unique_id", "ds"], how="left", suffixes=("", "_given"), indicator=True)
    np.testing.assert_array_equal(joined["y"], joined["y_given"])
    assert (joined["_merge"] == "both").sum() == len(frame) == panel.notes.rows_in
    assert panel.notes.gaps == panel.n_rows - len(frame)
    assert panel.notes.missing == frame["y"].isna().sum()


@settings(max_examples=50)
@given(long_frames())
def test_round_trip(case):
    frame, freq, _ = case
    panel = Panel.from_frame(frame, freq=freq)
    assert Panel.from_frame(panel.to_frame(), freq=freq) == panel


@settings(max_examples=50)
@given(long_frames(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(case, random):
    frame, freq, _ = case
    rows = list(range(len(frame)))
    random.shuffle(rows)
    shuffled = frame.iloc[rows]
    before = shuffled.copy(deep=True)
    assert Panel.from_frame(shuffled, freq=freq) == Panel.from_frame(frame, freq=freq)
    pd.testing.assert_frame_equal(shuffled, before)


@settings(max_examples=50)
@given(long_frames())
def test_arrays_fit_together(case):
    frame, freq, _ = case
    panel = Panel.from_frame(frame, freq=freq)
    assert panel.indptr[0] == 0
    assert panel.indptr[-1] == panel.n_rows == len(panel.values) == panel.lengths.sum()
    assert (panel.lengths > 0).all()
    assert panel.values.dtype == np.float64
    assert panel.indptr.dtype == np.int64
    assert panel.starts.dtype == (np.int64 if freq.is_integer else "M8[ns]")
    parts = [panel.stamps(i) for i in range(panel.n_series)]
    np.testing.assert_array_equal(np.concatenate(parts), panel.all_stamps())
    np.testing.assert_array_equal([p[-1] for p in parts], panel.last_stamps)
    np.testing.assert_array_equal(
        np.concatenate([panel.series(i) for i in range(panel.n_series)]), panel.values
    )


@settings(max_examples=50)
@given(long_frames(), st.integers(1, 12))
def test_cut_rows_are_the_future_of_what_is_left(case, n):
    frame, freq, _ = case
    panel = Panel.from_frame(frame, freq=freq)
    if panel.lengths.max() <= n:
        return
    past, last = panel.before(n), panel.select(panel.lengths > n).tail(n)
    np.testing.assert_array_equal(past.ids, last.ids)
    np.testing.assert_array_equal(past.future_stamps(n).ravel(), last.all_stamps())
    for i in range(past.n_series):
        whole = panel.series(np.flatnonzero(panel.lengths > n)[i])
        np.testing.assert_array_equal(np.concatenate([past.series(i), last.series(i)]), whole)


@settings(max_examples=50)
@given(long_frames())
def test_values_are_those_of_reindexing_each_series_on_a_date_range_of_pandas(case):
    frame, freq, _ = case
    if frame["ds"].dtype.kind != "M" or isinstance(frame["ds"].dtype, pd.DatetimeTZDtype):
        return
    panel = Panel.from_frame(frame, freq=freq)
    for i, name in enumerate(panel.ids.tolist()):
        one = frame[[v == name and type(v) is type(name) for v in frame["unique_id"]]].set_index("ds")["y"]
        full = one.reindex(pd.date_range(one.index[0], one.index[-1], freq=freq.offset))
        np.testing.assert_array_equal(panel.series(i), full)


@settings(max_examples=200)
@given(
    st.sampled_from([f for f in FREQS if f not in (5, "2D")]),
    st.lists(st.tuples(st.integers(0, 300), st.integers(14, 40)), min_size=1, max_size=4),
    st.integers(0, 100),
)
def test_the_frequency_is_inferred_in_spite_of_gaps(text, series, seed):
    freq, rng = Freq.parse(text), np.random.default_rng(seed)
    parts = []
    for name, (start, n) in enumerate(series):
        stamps = stamps_of(freq, start, n)
        keep = np.ones(n, bool)
        keep[rng.choice(n, n // 8, replace=False)] = False
        parts.append(pd.DataFrame({"unique_id": name, "ds": stamps[keep], "y": 1.0}))
    assert Panel.from_frame(pd.concat(parts)).freq == freq


@pytest.mark.parametrize(
    ("stamps", "text"),
    [
        (["2024-01-01", "2024-01-02"], "D"),
        (["2024-01-04", "2024-01-05", "2024-01-08"], "B"),
        (["2024-01-01", "2024-01-08"], "W-MON"),
        (["2024-01-01", "2024-01-15", "2024-01-29"], "2W-MON"),
        (["2023-01-31", "2023-02-28"], "ME"),
        (["2023-02-01", "2023-03-01"], "MS"),
        (["2023-03-31", "2023-06-30", "2023-12-31", "2024-03-31"], "QE-DEC"),
        (["2023-03-31", "2023-06-30", "2023-09-29", "2023-12-29"], "BQE-DEC"),
        (["2020-06-30", "2021-06-30", "2024-06-30"], "YE-JUN"),
        (["2020-01-01", "2021-01-01"], "YS-JAN"),
        (["2020-01-01", "2022-01-01", "2024-01-01"], "2YS-JAN"),
        (["2024-01-01", "2024-03-01", "2024-05-01"], "2MS"),
        (["2024-01-05", "2024-02-04", "2024-03-05"], "30D"),
        (["2024-01-01 00:30", "2024-01-01 01:30", "2024-01-01 03:30"], "h"),
        (["2024-01-01 00:00", "2024-01-01 02:00", "2024-01-01 04:00", "2024-01-01 05:00"], "h"),
        ([3, 5, 9], "2"),
        ([2021, 2022, 2024], "1"),
    ],
)
def test_inference_of_short_series(stamps, text):
    frame = pd.DataFrame({"unique_id": "A", "ds": stamps, "y": 1.0})
    assert Panel.from_frame(frame).freq.text == text


def test_series_of_other_weekdays_keep_their_own():
    weeks = {start: pd.date_range(start, periods=5, freq="7D") for start in ("2024-01-01", "2024-01-03")}
    frame = pd.concat(pd.DataFrame({"unique_id": name, "ds": ds, "y": 1.0}) for name, ds in weeks.items())
    panel = Panel.from_frame(frame)
    assert panel.freq.text == "7D"
    assert panel.future_stamps(1).astype("M8[D]").astype(str).tolist() == [["2024-02-05"], ["2024-02-07"]]


def example():
    names = np.repeat(["a", "b", "c"], [5, 2, 4])
    ds = np.concatenate([np.arange(5), np.arange(2), np.arange(4)])
    return Panel.from_frame(pd.DataFrame({"unique_id": names, "ds": ds, "y": np.arange(11.0)}), freq=1)


def test_select_by_mask_or_positions():
    panel = example()
    chosen = panel.select([2, 0])
    assert chosen.ids.tolist() == ["a", "c"]
    assert chosen.values.tolist() == [0, 1, 2, 3, 4, 7, 8, 9, 10]
    assert chosen == panel.select(np.array([True, False, True]))
    assert panel.select(np.arange(3)) == panel == panel.before(0) == panel.tail(99)
    with pytest.raises(IndexError):
        panel.select(np.array([True]))


def test_series_left_empty_are_dropped():
    assert example().before(2).ids.tolist() == ["a", "c"]
    assert example().before(4).values.tolist() == [0]


def test_panels_do_not_change():
    panel = example()
    for array in (panel.ids, panel.values, panel.indptr, panel.starts, panel.series(0), panel.tail(1).values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[-1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        panel.tz = "UTC"
    frame = panel.to_frame()
    frame["y"] = -1.0
    assert panel == example()


def test_equality_sees_every_part():
    panel = example()
    changes = {
        "values": np.zeros(11),
        "starts": panel.starts + 1,
        "ids": np.array(["a", "b", "d"], object),
        "tz": "UTC",
        "freq": Freq.parse(2),
        "columns": panel.columns._replace(id_col="store"),
        "indptr": np.array([0, 4, 7, 11]),
    }
    for name, value in changes.items():
        assert panel != dataclasses.replace(panel, **{name: value})
    assert panel == dataclasses.replace(panel, notes=dataclasses.replace(panel.notes, rows_in=0))
    assert panel != "a panel"


def test_a_large_panel_is_read_without_a_loop_over_series():
    n_series, n = 20_000, 20
    names = np.arange(n_series).astype(str)
    frame = pd.DataFrame(
        {
            "unique_id": pd.Categorical.from_codes(np.repeat(np.arange(n_series), n), names),
            "ds": np.tile(pd.date_range("2024-01-01", periods=n).to_numpy(), n_series),
            "y": np.arange(n_series * n, dtype=float),
        }
    ).sample(frac=0.9, random_state=0)
    panel = Panel.from_frame(frame)
    assert (panel.n_series, panel.freq.text) == (n_series, "D")
    back = panel.to_frame().dropna()
    expected = frame.assign(unique_id=frame["unique_id"].astype(str)).sort_values(["unique_id", "ds"])
    np.testing.assert_array_equal(back["y"], expected["y"])
    np.testing.assert_array_equal(back["ds"], expected["ds"])
