"""Settings of covariates, and how they are read: columns of the data, of the future, of the series."""

import copy
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from small_forecasters import frame_of

from pipelines import ConfigError, Covariates, Forecaster, Panel, PanelError
from pipelines.config import Settings
from pipelines.panel import CovariateColumn, read_future

ALL = Covariates(past=["load"], future=["temp", "kind"], static=["region"], lags={"load": 2, "temp": 1})
IDS = np.array(["A"], object)


def rows_of(n=6, series=("a", "b")):
    frame = frame_of({name: np.arange(n) + 10.0 * i for i, name in enumerate(series)})
    return frame.assign(
        load=np.arange(len(frame)) * 1.5,
        temp=[None, *np.arange(1.0, len(frame))],
        kind=["dry", "rain"] * (len(frame) // 2),
        region=frame["unique_id"].map({"a": "north", "b": "south"}),
    )


def ahead_of(rows, horizon):
    last = rows.groupby("unique_id")["ds"].max()
    parts = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range(end, periods=horizon + 1)[1:],
                "temp": np.arange(horizon) + 0.5,
                "kind": "rain",
            }
        )
        for name, end in last.items()
    ]
    return pd.concat(parts, ignore_index=True)


def panel(rows=None, static=None, covariates=ALL):
    return Panel.from_frame(rows_of() if rows is None else rows, "D", covariates=covariates, static=static)


# Settings


def test_settings_show_what_was_chosen_and_come_back():
    shown = (
        "Covariates(past=['load'], future=['temp', 'kind'], static=['region'], lags={'load': 2, 'temp': 1})"
    )
    assert repr(ALL) == str(ALL) == shown
    assert eval(shown) == ALL == copy.deepcopy(ALL) == Covariates(**json.loads(json.dumps(ALL.to_dict())))
    assert hash(eval(shown)) == hash(ALL)
    assert repr(Covariates()) == "Covariates()"
    assert Covariates().is_empty
    assert not Covariates(calendar="auto").is_empty
    assert Covariates(past=np.array(["load"]), lags={"load": np.int64(3)}).lag("load") == 3
    with pytest.raises(ValueError, match="frozen"):
        ALL.past = ("other",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"past": "load"}, r"^'past': must be a list of column names\. Received: 'load'\.$"),
        ({"past": [3]}, r"^'past': input should be a valid string\. Received: 3\.$"),
        ({"past": [""]}, r"^'past': string should have at least 1 character\. Received: ''\.$"),
        ({"pst": ["a"]}, r"^'pst': extra inputs are not permitted"),
        ({"calendar": "week"}, r"^'calendar': input should be 'auto'\. Received: 'week'\.$"),
        (
            {"past": ["a"], "static": ["a"]},
            r"must have one role\. Received: 'a' as past and static",
        ),
        ({"past": ["a", "a"]}, r"^A covariate must have one role\. Received: 'a' as past and past"),
        ({"past": ["a"], "lags": {"a": -1}}, r"^'lags': input should be greater than or equal to 0"),
        ({"past": ["a"], "lags": {"b": 1}}, r"lags\['b'\]=1, with the columns 'a'; declare it, or leave"),
        ({"static": ["a"], "lags": {"a": 1}}, r"must belong to a past or future column"),
        ({"holidays": "XX"}, r"ISO 3166 codes such as 'US' or 'AU-VIC'\. Received: 'XX'\.$"),
        ({"holidays": "AU-XX"}, r"subdivision of 'AU' must be one of ACT, NSW,.*Received: 'AU-XX'\.$"),
    ],
)
def test_settings_that_are_not_allowed_are_explained(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Covariates(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"horizon": 3, "covariates": Covariates(future=["x"], lags={"x": 5})},
            "declare it past, with the lag 2",
        ),
        (
            {"horizon": 3, "covariates": Covariates(future=["x"], lags={"x": 3})},
            "declare it past, with the lag 0",
        ),
        ({"horizon": 3, "covariates": Covariates(past=["y"])}, "must be a column beside target_col='y'"),
        ({"horizon": 3, "covariates": Covariates(static=["unique_id"])}, "beside id_col='unique_id'"),
        (
            {"horizon": 3, "covariates": {"past": "x"}},
            r"'covariates': 'past': must be a list of",
        ),
        ({"horizon": 3, "covariates": 7}, "'covariates': .*Received: 7"),
    ],
)
def test_a_forecaster_checks_covariates_against_its_other_settings(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Forecaster(**arguments)


def test_a_lag_shorter_than_the_horizon_and_plain_values_are_fine():
    settings = Settings.of({"horizon": 3, "covariates": {"future": ["x"], "lags": {"x": 2}}})
    assert settings.covariates == Covariates(future=["x"], lags={"x": 2})
    assert Settings.of({"horizon": 3, "covariates": Covariates()}).covariates is None


# Columns


@pytest.mark.parametrize(
    ("values", "numbers", "categories"),
    [
        ([1, None, 2.5], [1.0, np.nan, 2.5], None),
        (pd.array([1, None, 2], dtype="Int64"), [1.0, np.nan, 2.0], None),
        (["b", None, "a"], [1, -1, 0], ("a", "b")),
        (["b ", " ", "a"], [1, -1, 0], ("a", "b")),
        ([True, False, None], [1, 0, -1], ("False", "True")),
        (pd.array([True, False, None], dtype="boolean"), [1, 0, -1], ("False", "True")),
        ([True, False, True], [1, 0, 1], ("False", "True")),
        (pd.Categorical([7, None, 5], categories=[9, 7, 5]), [1, -1, 0], ("5", "7")),
        (["", None, ""], [np.nan] * 3, None),
        ([None, None, None], [np.nan] * 3, None),
    ],
)
def test_the_type_of_a_column_says_whether_it_is_numeric(values, numbers, categories):
    column = CovariateColumn.read(pd.Series(values, name="c"), IDS, np.zeros(3, int))
    np.testing.assert_array_equal(column.values, numbers)
    assert column.categories == categories
    np.testing.assert_array_equal(column.missing, [missing_number(number) for number in numbers])


def missing_number(number):
    return number == -1 or np.isnan(number)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, "n/a"], r"'c' must hold numbers or text, not both\. Received: 'n/a' in series 'A', row 1"),
        ([1.0, np.inf], r"'c' must hold finite numbers\. Received: inf in series 'A', row 1"),
        (
            [{}, 1],
            r"must hold numbers, text, categories or booleans\. Received: \{\} in series 'A', row 0",
        ),
        ([pd.Timestamp("2024")] * 2, r"of type Timestamp; convert it first"),
    ],
)
def test_other_columns_are_refused(values, message):
    with pytest.raises(PanelError, match=message):
        CovariateColumn.read(pd.Series(values, name="c"), IDS, np.zeros(len(values), int))


# Rows


def test_columns_lie_on_the_rows_of_the_panel():
    rows = rows_of().drop(index=[2, 9]).sample(frac=1, random_state=1)
    found = panel(rows)
    complete = rows_of()
    kept = ~complete.index.isin([2, 9])
    load, temp, kind = found.covariates
    assert [column.name for column in found.covariates] == ["load", "temp", "kind"]
    np.testing.assert_array_equal(load.values, np.where(kept, complete["load"], np.nan))
    np.testing.assert_array_equal(temp.values, np.where(kept, complete["temp"].astype(float), np.nan))
    np.testing.assert_array_equal(kind.values, np.where(kept, complete["kind"] == "rain", -1))
    assert (kind.categories, found.static[0].categories) == (("dry", "rain"), ("north", "south"))
    assert not load.values.flags.writeable


@pytest.mark.parametrize("of", ["polars", "lazy", "pyarrow"])
def test_other_kinds_of_frames_give_the_same_panel(of):
    convert = {
        "polars": pl.from_pandas,
        "lazy": lambda frame: pl.from_pandas(frame).lazy(),
        "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    }[of]
    rows = rows_of().astype({"temp": float, "kind": "category"})
    static = pd.DataFrame({"unique_id": ["b", "a"], "region": ["east", "west"]})
    assert panel(convert(rows), convert(static)) == panel(rows, static)
    steps = {"temp": 2, "kind": 3}
    expected = read_future(panel(), ahead_of(rows, 3), steps, 3)
    found = read_future(panel(), convert(ahead_of(rows, 3)), steps, 3)
    assert all(a.equals(b) for a, b in zip(found, expected, strict=True))


def test_parts_of_a_panel_are_those_of_the_frame():
    rows, whole = rows_of(), panel()
    position = rows.groupby("unique_id").cumcount()
    assert whole.before(2) == panel(rows[position < 4])
    assert whole.tail(3) == panel(rows[position >= 3])
    assert whole.select([1]) == panel(rows[rows["unique_id"] == "b"])
    assert whole.before(2) != panel(rows[position < 4].assign(load=0.0))
    assert whole != Panel.from_frame(rows, "D")
    assert whole.select([1]).static[0].categories == ("south",)


def test_a_panel_goes_back_to_frames():
    whole = panel(rows_of().drop(index=3))
    frame = whole.to_frame()
    assert [*frame.columns] == ["unique_id", "ds", "y", "load", "temp", "kind"]
    assert whole.static_frame().to_dict("list") == {"unique_id": ["a", "b"], "region": ["north", "south"]}
    assert panel(frame, whole.static_frame()) == whole
    assert panel(frame.astype({"kind": object}), whole.static_frame()) == whole


def test_a_row_may_hold_covariates_without_a_value():
    rows = rows_of()
    rows.loc[[4, 5], "y"] = np.nan
    assert np.isnan(panel(rows).series(0)[4:]).all()
    assert panel(rows).covariates[0].equals(panel().covariates[0])


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(
        PanelError, match=r"must have a column 'load' \(covariate\)\. Received: .*leave it out"
    ):
        panel(rows_of().drop(columns="load"))
    twice = pd.concat([rows_of(), rows_of()["load"]], axis=1)
    with pytest.raises(PanelError, match=r"Column names must be unique\. Received: 'load' 2 times"):
        panel(twice)


# What is static


def test_a_static_frame_goes_before_columns_of_the_data():
    static = pd.DataFrame({"unique_id": ["b", "c", "a"], "region": ["east", "far", None], "other": 1})
    (region,) = panel(static=static).static
    assert (region.values.tolist(), region.categories) == ([-1, 0], ("east",))
    assert panel(rows_of().drop(columns="region"), static).static[0].equals(region)
    assert panel(rows_of().drop(columns="region")).static == ()
    numeric = panel(rows_of().assign(region=[None] * 3 + [2.0] * 3 + [3.0] * 6)).static[0]
    assert numeric.values.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("static", "message"),
    [
        (
            {"unique_id": ["a"], "region": ["x"]},
            r"for every series\. Received: none for series 'b', which",
        ),
        (
            {"unique_id": ["a", "b", "a"], "region": ["x", "y", "z"]},
            r"one row per series\. Received: series 'a' in rows 0 and 2",
        ),
        (
            {"unique_id": ["a", "b"], "area": [1, 2]},
            r"beside 'unique_id'\. Received: none of 'region'",
        ),
        (
            {"unique_id": [1, 2], "region": ["x", "y"]},
            r"must be those of the data\. Received: 1, where",
        ),
        ({"id": ["a", "b"], "region": ["x", "y"]}, r"must have a column 'unique_id' \(id_col\)"),
    ],
)
def test_static_frames_that_do_not_fit_are_refused(static, message):
    with pytest.raises(PanelError, match=message):
        panel(static=pd.DataFrame(static))


@pytest.mark.parametrize("values", [["x", "y"] * 6, [1.0, 2.0] * 6])
def test_a_static_column_that_changes_is_refused(values):
    with pytest.raises(PanelError, match=r"'region' must have one value in each series\. .* in series 'a'"):
        panel(rows_of().assign(region=values))


# What is known ahead


def test_future_values_lie_on_the_steps_after_each_series():
    rows = rows_of().drop(index=[4, 5])  # series a ends two rows before b
    ahead = ahead_of(rows, 3)
    early = ahead.assign(ds=ahead["ds"] - pd.Timedelta(days=3), temp=-1.0)
    late = ahead.assign(ds=ahead["ds"] + pd.Timedelta(days=3), temp=-1.0)
    stranger = ahead[ahead["unique_id"] == "a"].assign(unique_id="z", kind="odd")
    frame = pd.concat([late, stranger, ahead, early]).sample(frac=1, random_state=2)
    temp, kind = read_future(panel(rows), frame, {"temp": 2, "kind": 3}, 3)
    np.testing.assert_array_equal(temp.values, [0.5, 1.5, np.nan] * 2)
    assert (kind.values.tolist(), kind.categories) == ([0] * 6, ("rain",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f[f["unique_id"] == "a"],
            r"'temp' .* no row for series 'b' from 2024-01-07.* to 2024",
        ),
        (lambda f: f.drop(index=1), r"no row for series 'a' at 2024-01-08 00:00:00; add the rows"),
        (
            lambda f: f.drop(index=[0, 3]),
            r"no row for series 'a' at 2024-01-07 00:00:00, and 1 more",
        ),
        (
            lambda f: f.assign(temp=[1, 2, None, 4, None, None]),
            r"without one for series 'a' at 2024-01-09",
        ),
        (lambda f: f.drop(columns="kind"), r"must have a column 'kind' \(covariate\)"),
        (
            lambda f: pd.concat([f, f[:2]]),
            r"per series and stamp\. Received: series 'a' twice, in rows 0",
        ),
        (
            lambda f: f.assign(ds=f["ds"] + pd.Timedelta(hours=1)),
            r"grid of the data, freq='D'\. Received: ds=2024-01-07 01:00:00 in series 'a'",
        ),
        (
            lambda f: f.assign(ds=f["ds"].dt.tz_localize("UTC")),
            "without time zone.*Received: times with time",
        ),
        (lambda f: f.assign(ds=range(6)), r"must hold times without time zone, .*Received: integers"),
        (lambda f: f.assign(unique_id=7), r"ids of a second frame .*Received: 7, where the data have 'a'"),
    ],
)
def test_future_frames_that_do_not_fit_are_refused(change, message):
    with pytest.raises(PanelError, match=message):
        read_future(panel(), change(ahead_of(rows_of(), 3)), {"temp": 3, "kind": 3}, 3)


def test_missing_values_of_a_future_column_may_be_allowed():
    frame = ahead_of(rows_of(), 3).assign(temp=[1, 2, None, 4, None, None])
    temp, _ = read_future(panel(), frame, {"temp": 3, "kind": 3}, 3, may_miss={"temp"})
    np.testing.assert_array_equal(temp.values, [1, 2, np.nan, 4, np.nan, np.nan])
    with pytest.raises(PanelError, match="no row for series 'a' at 2024-01-09"):
        read_future(panel(), frame.drop(index=2), {"temp": 3, "kind": 3}, 3, may_miss={"temp"})


@pytest.mark.parametrize("freq", ["h", "D", "MS", "B"])
def test_future_stamps_may_come_in_another_time_zone_of_the_same_moments(freq):
    stamps = pd.date_range("2024-03-29", periods=6, freq=freq, tz="Europe/Berlin")
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": 1.0, "x": np.arange(6.0)})
    covariates = Covariates(future=["x"])
    history = Panel.from_frame(frame[:3], freq, covariates=covariates)
    (known,) = read_future(history, frame, {"x": 3}, 3)
    assert known.values.tolist() == [3.0, 4.0, 5.0]
    if history.freq.is_clock:
        moved = frame.assign(ds=stamps.tz_convert("America/New_York"))
        assert read_future(history, moved, {"x": 3}, 3)[0].equals(known)
