"""A frame that is no panel gets one clear error: the rule, what was received, the cure."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from pipelines.errors import ConfigError, PanelError
from pipelines.panel import Panel

DAYS = pd.date_range("2024-01-01", periods=4, freq="D")


def frame(ds=DAYS, y=None, unique_id="A"):
    y = np.arange(float(len(ds))) if y is None else y
    return pd.DataFrame({"unique_id": unique_id, "ds": ds, "y": y})


def hours(*texts):
    return pd.to_datetime([f"2024-01-01 {t}" for t in texts])


# (frame, arguments of from_frame, what the message says, in order)
CASES = {
    "empty frame": (frame([]), {}, ["at least one row", "empty frame", "check how"]),
    "no columns": (pd.DataFrame(), {}, ["'unique_id' (id_col)", "no columns", "id_col="]),
    "no target": (
        frame().drop(columns="y").assign(sold=1),
        {},
        ["'y' (target_col)", "'unique_id', 'ds', 'sold'", "target_col="],
    ),
    "no id": (frame().drop(columns="unique_id"), {}, ["'unique_id' (id_col)", "df['unique_id'] = 'series'"]),
    "column twice": (
        pd.concat([frame(), frame()[["y"]]], axis=1),
        {},
        ["unique", "'y' 2 times", "rename or drop"],
    ),
    "polars without target": (
        pl.DataFrame({"unique_id": 1, "ds": 1}),
        {},
        ["'y' (target_col)", "'unique_id', 'ds'"],
    ),
    "lazy without target": (
        pl.LazyFrame({"unique_id": 1, "ds": 1}),
        {},
        ["'y' (target_col)", "'unique_id', 'ds'"],
    ),
    "dictionary": ({"unique_id": ["A"]}, {}, ["pandas DataFrame", "dict", "pandas.DataFrame"]),
    "series": (frame()["y"], {}, ["pandas DataFrame", "Series", "pandas.DataFrame"]),
    "array": (np.zeros((3, 3)), {}, ["pandas DataFrame", "ndarray", "pandas.DataFrame"]),
    "missing id": (
        frame(unique_id=["A", None, "A", "A"]),
        {},
        ["'unique_id' must have no missing", "1 missing", "row 1", "dropna"],
    ),
    "missing category": (
        frame(unique_id=pd.Categorical(["A", "B", None, "A"])),
        {},
        ["'unique_id'", "row 2", "dropna"],
    ),
    "list as id": (frame(unique_id=[[1], [1], [1], [1]]), {}, ["plain values", "list", "strings"]),
    "missing stamp": (
        frame([*DAYS[:3], pd.NaT]),
        {},
        ["'ds' must have no missing", "1 missing", "row 3", "dropna"],
    ),
    "missing integer stamp": (frame([1, 2, np.nan]), {}, ["'ds' must have no missing", "row 2"]),
    "fraction as stamp": (frame([1, 2, 2.5]), {}, ["whole numbers", "2.5", "row 2", "convert"]),
    "huge integer stamp": (frame([1, 2**62]), {}, ["below 2**62", str(2**62), "row 1"]),
    "boolean stamp": (
        frame([True, False]),
        {},
        ["'ds' must hold timestamps", "True", "row 0", "bool", "pandas.to_datetime"],
    ),
    "duration as stamp": (
        frame(pd.to_timedelta([1, 2], unit="h")),
        {},
        ["'ds' must hold timestamps", "Timedelta"],
    ),
    "word as stamp": (
        frame(["2024-01-01", "soon"]),
        {},
        ["ISO 8601", "'soon' in row 1", "pandas.to_datetime(df['ds']"],
    ),
    "blank stamp": (frame(["2024-01-01", ""]), {}, ["ISO 8601", "'' in row 1"]),
    "number among times": (frame(pd.Series([DAYS[0], 7], dtype=object)), {}, ["7 in row 1", "of type int"]),
    "ambiguous dates": (
        frame(["01/02/2024", "02/02/2024"]),
        {},
        ["'01/02/2024'", "cannot be told", "format="],
    ),
    "impossible dates": (frame(["30/01/2024", "31/02/2024"]), {}, ["'31/02/2024' in row 1", "is no time"]),
    "offset missing": (
        frame(["2024-01-01 00:00+01:00", "2024-01-01 01:00"]),
        {},
        ["2024-01-01 01:00'", "offset from UTC"],
    ),
    "year 9999": (
        frame(np.array(["2024-01-01", "2024-01-02", "2024-01-03", "9999-12-31"], "M8[s]")),
        {},
        ["1678 and 2261", "9999-12-31", "row 3", "none"],
    ),
    "word as value": (
        frame(y=["1", "2", "many", "4"]),
        {},
        ["'y' must hold finite numbers", "'many' in series 'A', row 2", "NaN"],
    ),
    "category as value": (frame(y=pd.Categorical(["1", "x", "2", "1"])), {}, ["'x' in series 'A', row 1"]),
    "thousands": (frame(y=["1,000", "2", "3", "4"]), {}, ["'1,000' in series 'A', row 0"]),
    "infinite": (frame(y=[1, 2, 3, -np.inf]), {}, ["finite", "-inf in series 'A', row 3", "NaN"]),
    "infinite text": (frame(y=["1", "inf", "3", "4"]), {}, ["finite", "'inf' in series 'A', row 1"]),
    "time as value": (frame(y=DAYS), {}, ["'y' must hold finite numbers", "Timestamp"]),
    "date as value": (
        frame(y=[d.date() for d in DAYS]),
        {},
        ["'y' must hold finite numbers", "datetime.date"],
    ),
    "complex": (frame(y=[1j, 2, 3, 4]), {}, ["'y' must hold finite numbers", "1j"]),
    "list as value": (
        frame(y=[[1], [2], [3], [4]]),
        {},
        ["'y' must hold finite numbers", "[1] in series 'A', row 0"],
    ),
    "duplicate": (
        pd.concat([frame(unique_id="B"), frame(), frame()[1:3]]),
        {},
        [
            "one row per stamp",
            "2 repeated",
            "series 'A' at 2024-01-02",
            "rows 5 and 8",
            "df.groupby(['unique_id', 'ds']",
        ],
    ),
    "duplicate integer id": (frame([1, 1], unique_id=7), {}, ["series 7 at 1", "rows 0 and 1", ".sum()"]),
    "duplicate by another spelling": (
        frame(["2024-01-01", "2024-01-01 00:00"]),
        {},
        ["one row per stamp", "rows 0 and 1"],
    ),
    "one row": (frame(DAYS[:1]), {}, ["To infer freq", "two stamps", "one row", "freq='D'"]),
    "one integer row each": (frame([1, 2], unique_id=["A", "B"]), {}, ["two stamps", "2 series", "freq=1"]),
    "dates as integers": (
        frame([20240131, 20240201]),
        {},
        ["count steps", "ds=20240131", "format='%Y%m%d'", "freq=1"],
    ),
    "months as integers": (
        frame([202312, 202401]),
        {},
        ["count steps", "ds=202312", "format='%Y%m'", "freq=1"],
    ),
    "integer freq for times": (
        frame(),
        {"freq": 1},
        ["freq=1 must go with integer", "2024-01-01", "freq='D'"],
    ),
    "time freq for integers": (
        frame([2, 4]),
        {"freq": "h"},
        ["freq='h' must go with times", "ds=2", "freq=2"],
    ),
    "too coarse": (
        frame(hours("00:00", "01:00", "01:30", "02:00")),
        {"freq": "h"},
        ["grid of freq='h'", "series 'A'", "01:30", "row 2", "freq='30min' fits"],
    ),
    "wrong end of the month": (
        frame(DAYS.to_period("D").asfreq("M").to_timestamp()[:1]),
        {"freq": "M"},
        ["freq='ME'", "2024-01-01"],
    ),
    "month starts as ends": (
        frame(pd.date_range("2024-01-01", periods=5, freq="MS")),
        {"freq": "M"},
        ["freq='ME'", "2024-01-01", "row 0", "freq='MS' fits"],
    ),
    "wrong weekday": (
        frame(pd.date_range("2024-01-06", periods=5, freq="7D")),
        {"freq": "W"},
        ["freq='W-SUN'", "2024-01-06", "freq='W-SAT' fits"],
    ),
    "weekend": (
        frame(pd.date_range("2024-01-01", periods=9)),
        {"freq": "B"},
        ["freq='B'", "2024-01-06", "row 5", "freq='D' fits"],
    ),
    "months as quarters": (
        frame(pd.date_range("2024-01-01", periods=5, freq="MS")),
        {"freq": "QS"},
        ["QS-JAN", "2024-02-01", "freq='MS' fits"],
    ),
    "integers off the step": (frame([1, 3, 4]), {"freq": 2}, ["grid of freq='2'", "ds=4", "freq=1 fits"]),
    "one stray stamp": (
        frame([*pd.date_range("2024-01-01", periods=30, freq="h"), pd.Timestamp("2024-01-01 04:30")]),
        {},
        ["freq='h' (inferred)", "04:30", "row 30"],
    ),
    "stray first": (
        frame([pd.Timestamp("2023-12-31 23:59"), *DAYS]),
        {},
        ["freq='D' (inferred)", "2023-12-31 23:59", "row 0", "dt.floor('D')"],
    ),
    "middle of the month": (
        frame(pd.date_range("2024-01-01", periods=12, freq="MS") + pd.Timedelta("14D")),
        {},
        ["no frequency fits", "to_period('M')"],
    ),
    "days of a zone in UTC": (
        frame(pd.date_range("2023-01-01", periods=200, tz="Europe/Berlin").tz_convert("UTC")),
        {},
        ["floor('D')", "time zone whose days they count", "tz_convert('Europe/Berlin')"],
    ),
    "once a day at any second": (
        frame(pd.date_range("2023-01-01", periods=9) + pd.to_timedelta([7, 9, 80, 99, 7, 3, 4, 61, 5], "s")),
        {},
        ["a regular grid", "no frequency fits", "floor('D')"],
    ),
    "seconds since 1970": (
        frame(1_672_531_200 + 86_400 * np.arange(9)),
        {},
        ["1672531200", "look like times since 1970", "unit='s'", "pass freq"],
    ),
    "other order of day and month": (
        frame([*(f"2024-01-{day:02}" for day in range(1, 10)), "10/01/2024"]),
        {},
        ["'10/01/2024' in row 9", "not as the rows before it"],
    ),
    "hours as days in a time zone": (
        frame(pd.date_range("2024-01-01", periods=50, freq="h", tz="Europe/Paris")),
        {"freq": "D"},
        ["freq='D'", "2024-01-01 01:00:00+01:00", "freq='h' fits"],
    ),
    "year 2200": (
        frame([*pd.date_range("2024-01-01", periods=100), pd.Timestamp("2200-01-01")]),
        {},
        [
            "multiply rows",
            "freq='D'",
            "series 'A' spans 2024-01-01",
            "2200-01-01",
            "64284 rows for 101",
            "stray",
        ],
    ),
    "integer far away": (
        frame([*range(100), 10**12]),
        {"freq": 1},
        ["multiply rows", "1000000000001 rows", "stray"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_say_rule_place_and_cure(case):
    given, arguments, says = CASES[case]
    with pytest.raises(PanelError) as caught:
        Panel.from_frame(given, **arguments)
    message = str(caught.value)
    assert re.search(".*".join(map(re.escape, says)), message), message
    assert "Received: " in message
    assert "\n" not in message
    assert len(message) < 500


def test_the_row_in_a_message_is_the_row_of_the_frame():
    given = frame(y=[1.0, 2.0, 3.0, np.inf])[::-1]
    with pytest.raises(PanelError, match="row 0 "):
        Panel.from_frame(given)


def test_one_stray_series_is_found_in_a_large_panel():
    given = pd.DataFrame(
        {"unique_id": np.repeat(np.arange(200), 100), "ds": np.tile(np.arange(100), 200), "y": 1.0}
    )
    given.loc[150, "ds"] = 200_000
    with pytest.raises(PanelError, match="series 1 spans 0 to 200000"):
        Panel.from_frame(given, freq=1)


def test_sparse_series_are_filled():
    panel = Panel.from_frame(frame(pd.to_datetime(["2022-01-01", "2023-06-01", "2024-01-01"])), freq="D")
    assert (panel.n_rows, panel.notes.gaps) == (731, 728)


def test_two_moments_of_one_wall_time_are_duplicates_of_a_day():
    night = pd.to_datetime(["2024-10-26 00:30Z", "2024-10-27 00:30Z", "2024-10-27 01:30Z"]).tz_convert(
        "Europe/Paris"
    )
    with pytest.raises(PanelError, match=r"one row per stamp.*rows 1 and 2"):
        Panel.from_frame(frame(night), freq="D")


@pytest.mark.parametrize(
    "arguments",
    [{"freq": "hourly"}, {"freq": 0}, {"target_col": "ds"}, {"id_col": "y"}],
    ids=lambda a: next(iter(a)),
)
def test_wrong_settings_are_errors_of_configuration(arguments):
    with pytest.raises(ConfigError, match=r"must be .*Received"):
        Panel.from_frame(frame(), **arguments)


@pytest.mark.parametrize(("method", "value"), [("tail", 0), ("before", -1), ("future_stamps", 0)])
def test_counts_must_be_positive(method, value):
    with pytest.raises(ConfigError, match="must be"):
        getattr(Panel.from_frame(frame()), method)(value)


@pytest.mark.parametrize(("method", "value"), [("before", 4), ("select", [])])
def test_no_panel_is_empty(method, value):
    with pytest.raises(PanelError, match="at least one row"):
        getattr(Panel.from_frame(frame()), method)(value)


@pytest.mark.parametrize("i", [1, -1])
def test_series_are_counted_from_zero(i):
    with pytest.raises(IndexError, match="from 0 to 0"):
        Panel.from_frame(frame()).series(i)
