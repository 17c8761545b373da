"""Times with offsets from UTC, as CSV files have them: the same from a file and from a frame of its text."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import Panel
from pipelines.datasets import read_table
from pipelines.offsets import minutes_of


def written(path: Path, stamps: pd.DatetimeIndex) -> Path:
    pd.DataFrame({"unique_id": "a", "ds": stamps.map(str), "y": range(len(stamps))}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("zone", "freq", "expected"),
    [
        ("Asia/Kolkata", "D", "2023-07-19 00:00:00+05:30"),  # one offset: it stays
        ("Europe/Berlin", "D", "2023-07-19 00:00:00"),  # days of a place whose clocks change
        ("Europe/Berlin", "MS", "2039-08-01 00:00:00"),
        ("Europe/London", "D", "2023-07-19 00:00:00"),
        ("UTC", "D", "2023-07-19 00:00:00+00:00"),
        ("Europe/Berlin", "12h", "2023-04-10 11:00:00+00:00"),  # times of several offsets: in UTC
    ],
)
def test_stamps_come_back_as_one_time_zone_can_say_them(tmp_path, zone, freq, expected):
    stamps = pd.date_range("2023-01-01", periods=200, freq=freq, tz=zone)
    path = written(tmp_path / "sales.csv", stamps)
    frames = (read_table(path), pd.read_csv(path))
    for panel in map(Panel.from_frame, frames):
        assert panel.freq.text == freq
        assert str(panel.to_frame()["ds"].iloc[-1]) == expected
        assert panel.n_rows == 200


def test_in_utc_all_of_it_is_the_same_moment(tmp_path):
    stamps = pd.date_range("2023-01-01", periods=200, tz="Europe/Berlin")
    read = read_table(written(tmp_path / "sales.csv", stamps), utc=True)["ds"]
    assert (pd.DatetimeIndex(read) == stamps).all()
    assert str(read.dt.tz) == "UTC"


def test_missing_times_stay_missing(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("unique_id,ds,y\na,2023-01-01 00:00:00+05:30,1\na,,2\na,2023-01-03 00:00+0530,3\n")
    read = read_table(path)["ds"]
    assert read.map(str).tolist() == ["2023-01-01 00:00:00+05:30", "NaT", "2023-01-03 00:00:00+05:30"]


@given(st.integers(-14 * 60, 14 * 60), st.sampled_from(["%s%02d:%02d", "%s%02d%02d"]))
def test_offsets_are_read_in_either_spelling(minutes, spelling):
    text = spelling % ("-" if minutes < 0 else "+", *divmod(abs(minutes), 60))
    assert minutes_of(text) == minutes
