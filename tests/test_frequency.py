"""Frequencies: every spelling is read, and the arithmetic agrees with pandas."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import OFF_GRID, Freq, season_length_of

TEXTS = [
    "ns", "5us", "100ms", "s", "90s", "min", "5min", "7min", "30min", "h", "2h", "36h", "D", "2D", "7D",
    "B", "3B", "W-SUN", "W-WED", "2W-MON", "MS", "ME", "BMS", "BME", "2MS", "5ME", "QS-JAN", "QS-FEB",
    "QE-DEC", "QE-OCT", "2QE-DEC", "BQS-JAN", "BQE-DEC", "YS-JAN", "YS-APR", "YE-DEC", "YE-JUN", "2YE-DEC",
    "BYS-JAN", "BYE-DEC",
]  # fmt: skip
freqs = st.sampled_from(TEXTS).map(Freq.parse)
times = st.datetimes(pd.Timestamp("1900-01-01").to_pydatetime(), pd.Timestamp("2100-01-01").to_pydatetime())


def on_grid(freq: Freq, start: object, periods: int) -> pd.DatetimeIndex:
    """Stamps by pandas' own, slow arithmetic."""
    return pd.date_range(
        freq.offset.rollforward(pd.Timestamp(start)), periods=periods, freq=freq.offset
    ).as_unit("ns")


@pytest.mark.parametrize("text", TEXTS)
def test_canonical_spellings_are_those_of_pandas(text):
    assert Freq.parse(text).text == text == Freq.parse(text).offset.freqstr
    assert Freq.parse(Freq.parse(text).offset) == Freq.parse(text) == Freq.parse(Freq.parse(text))


@pytest.mark.parametrize(
    ("given_spelling", "text"),
    [
        ("H", "h"), ("T", "min"), ("S", "s"), ("L", "ms"), ("U", "us"), ("N", "ns"), ("M", "ME"),
        ("BM", "BME"), ("Q", "QE-DEC"), ("Q-NOV", "QE-NOV"), ("BQ", "BQE-DEC"), ("A", "YE-DEC"),
        ("Y", "YE-DEC"), ("A-JUN", "YE-JUN"), ("AS", "YS-JAN"), ("BA", "BYE-DEC"), ("BY", "BYE-DEC"),
        ("BAS", "BYS-JAN"), ("W", "W-SUN"), ("w-tue", "W-TUE"), ("1d", "D"), ("60min", "h"), ("3600s", "h"),
        ("15T", "15min"), ("24h", "24h"), (" h ", "h"), ("1h", "h"), ("1", "1"), (1, "1"),
        (np.int64(10), "10"), (timedelta(minutes=15), "15min"), (pd.Timedelta("1h"), "h"),
        (np.timedelta64(30, "s"), "30s"), (pd.offsets.MonthBegin(), "MS"),
        (pd.offsets.Week(weekday=0), "W-MON"),
    ],
)  # fmt: skip
def test_other_spellings_are_read(given_spelling, text):
    assert Freq.parse(given_spelling).text == text


@pytest.mark.parametrize(
    "wrong",
    ["hourly", "", "m", "-1h", "0h", "0", 0, -3, 1.5, True, None, "h-MON", "W-JAN", "QE-XYZ", "MS-JAN",
     "SMS", "1.5h", 2**63, pd.DateOffset(months=1), timedelta(0), ["h"]],
)  # fmt: skip
def test_what_is_no_frequency_is_refused_with_the_rule(wrong):
    with pytest.raises(ConfigError, match=r"freq must be a pandas frequency such as 'h'.*Received"):
        Freq.parse(wrong)


@given(freq=freqs, start=times, periods=st.integers(1, 40))
def test_advance_agrees_with_pandas(freq, start, periods):
    expected = on_grid(freq, start, periods)
    np.testing.assert_array_equal(freq.advance(expected[0].to_datetime64(), np.arange(periods)), expected)
    np.testing.assert_array_equal(
        freq.advance(expected[-1].to_datetime64(), -np.arange(periods)), expected[::-1]
    )


@given(freq=freqs, start=times)
def test_neighbors_are_one_position_apart_and_share_their_phase(freq, start):
    stamps = on_grid(freq, start, 30).to_numpy()
    position, phase = freq.locate(stamps)
    assert (np.diff(position) == 1).all()
    assert (phase == phase[0]).all()
    assert phase[0] != OFF_GRID
    np.testing.assert_array_equal(freq.at(position, phase), stamps.view(np.int64))


@given(freq=freqs, start=times)
def test_stamps_off_the_grid_have_another_phase(freq, start):
    stamps = on_grid(freq, start, 2).to_numpy()
    if freq.step == 1 and freq.kind == "fixed":
        return  # at a nanosecond nothing is off the grid
    strays = stamps + np.timedelta64(1, "ns")
    assert (freq.locate(strays)[1] != freq.locate(stamps)[1]).all()


@pytest.mark.parametrize(
    ("text", "stray"),
    [("B", "2024-01-06"), ("W-SUN", "2024-01-06"), ("MS", "2024-01-02"), ("ME", "2024-02-28"),
     ("BME", "2024-03-31"), ("QS-JAN", "2024-02-01"), ("QE-DEC", "2024-02-29"), ("YS-JAN", "2024-02-01"),
     ("BMS", "2024-06-01")],
)  # fmt: skip
def test_anchors_are_kept(text, stray):
    stamp = np.array([stray], "M8[ns]")
    assert Freq.parse(text).locate(stamp)[1] == OFF_GRID
    with pytest.raises(PanelError, match=f"grid of freq='{text}'.*{stray}"):
        Freq.parse(text).advance(stamp, 1)


@given(st.integers(1, 10**6), st.integers(-(10**12), 10**12), st.lists(st.integers(-1000, 1000), min_size=1))
def test_integer_steps_are_sums(step, start, k):
    np.testing.assert_array_equal(
        Freq.parse(step).advance(np.array(start), np.array(k)), start + step * np.array(k)
    )


def test_a_starting_point_of_its_own_for_each_series():
    starts = np.array(["2024-01-31", "2023-11-30"], "M8[ns]")
    future = Freq.parse("ME").advance(starts[:, None], np.arange(1, 3)).astype("M8[D]").astype(str)
    assert future.tolist() == [["2024-02-29", "2024-03-31"], ["2023-12-31", "2024-01-31"]]


@pytest.mark.parametrize("text", ["us", "h", "W-SUN", "B", "MS", "YE-DEC"])
@pytest.mark.parametrize("k", [2**62, -(2**62)])
def test_stamps_beyond_the_range_of_nanoseconds_are_refused(text, k):
    start = on_grid(Freq.parse(text), "2200-01-01", 1).to_numpy()
    with pytest.raises(PanelError, match="between the years 1678 and 2262"):
        Freq.parse(text).advance(start, k)


@pytest.mark.parametrize(
    ("freq", "season"),
    [("h", 24), ("D", 7), ("W", 52), ("W-WED", 52), ("MS", 12), ("M", 12), ("ME", 12), ("BME", 12),
     ("QS", 4), ("Q", 4), ("30min", 48), ("15min", 96), ("10min", 144), ("5min", 288), ("min", 1440),
     ("B", 5), ("Y", 1), ("YS", 1), (1, 1), (7, 1), ("2h", 12), ("12h", 2), ("24h", 7), ("7D", 52),
     ("2W", 26), ("2MS", 6), ("5h", 1), ("2D", 1), ("s", 3600), ("30s", 120), ("100ms", 10)],
)  # fmt: skip
def test_natural_seasons(freq, season):
    assert season_length_of(freq) == season


@given(freqs)
def test_seasons_are_positive(freq):
    assert season_length_of(freq) >= 1
