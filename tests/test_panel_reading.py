"""Whatever a frame of the field's convention looks like, it becomes the same panel."""

import datetime as dt
import re
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pipelines import datasets
from pipelines.errors import ConfigError, PanelError
from pipelines.panel import Columns, Panel, PanelNotes

DAYS = pd.date_range("2024-01-30", periods=4, freq="D")


def frame(ds=DAYS, y=None, unique_id="A"):
    y = np.arange(float(len(ds))) if y is None else y
    return pd.DataFrame({"unique_id": unique_id, "ds": ds, "y": y})


def days_of(panel, i=0):
    return panel.stamps(i).astype("M8[D]").astype(str).tolist()


def test_rows_are_sorted_and_gaps_opened_without_changing_the_frame():
    given = pd.DataFrame(
        {
            "unique_id": ["b", "a", "b", "a"],
            "ds": DAYS[[3, 1, 0, 0]],
            "y": [4, 2, 1, 1],
            "extra": ["x", None, 1, 2],
        },
        index=[7, 7, 3, 1],
    )
    before = given.copy(deep=True)
    panel = Panel.from_frame(given)
    pd.testing.assert_frame_equal(given, before)
    assert panel.ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(panel.values, [1, 2, 1, np.nan, np.nan, 4])
    assert panel.indptr.tolist() == [0, 2, 6]
    assert days_of(panel, 1) == ["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02"]
    assert (panel.notes.rows_in, panel.notes.gaps, panel.notes.gappy) == (4, 2, ("b",))


def test_the_panel_shares_no_memory_with_the_frame():
    given = frame()
    panel = Panel.from_frame(given)
    given.loc[0, "y"] = 99.0
    assert panel.values[0] == 0


@pytest.mark.parametrize(
    "ds",
    [
        [d.date() for d in DAYS],
        [d.to_pydatetime() for d in DAYS],
        DAYS.strftime("%Y-%m-%d"),
        DAYS.strftime("%Y-%m-%dT%H:%M:%S"),
        DAYS.strftime("%Y%m%d"),
        DAYS.strftime("%d/%m/%Y"),
        DAYS.strftime("%m-%d-%Y %H:%M"),
        DAYS.to_period("D"),
        list(DAYS.to_period("D")),
        DAYS.as_unit("s"),
        DAYS.to_series().astype("category").to_numpy(),
        pd.Categorical(DAYS.strftime("%Y-%m-%d")),
        pd.Series(DAYS).astype("timestamp[us][pyarrow]"),
        pd.Series(DAYS).astype("date32[pyarrow]"),
        pd.Series(DAYS.strftime("%Y-%m-%d")).astype("string"),
        pd.Series(["2024-01-30", dt.date(2024, 1, 31), pd.Timestamp("2024-02-01"), DAYS[3].to_datetime64()]),
    ],
    ids=lambda v: f"{type(v).__name__}-{getattr(v, 'dtype', type(v[0]).__name__)}",
)
def test_times_of_any_type_are_read(ds):
    panel = Panel.from_frame(frame(ds))
    assert panel == Panel.from_frame(frame())
    assert panel.starts.dtype == "M8[ns]"


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float64", "Int32", "object", "int64[pyarrow]"])
def test_integer_stamps_of_any_type_are_read(dtype):
    panel = Panel.from_frame(frame(pd.Series([3, 9, 6], dtype=dtype)), freq=3)
    assert panel.starts.tolist() == [3]
    assert panel.values.tolist() == [0, 2, 1]
    assert panel.future_stamps(2).tolist() == [[12, 15]]
    assert panel.to_frame()["ds"].dtype == "int64"


@pytest.mark.parametrize(
    ("freq", "first"), [(None, "2024-01-01"), ("MS", "2024-01-01"), ("M", "2024-01-31"), ("ME", "2024-01-31")]
)
def test_periods_are_stamped_where_the_frequency_says(freq, first):
    panel = Panel.from_frame(frame(pd.period_range("2024-01", periods=3, freq="M")), freq=freq)
    assert days_of(panel)[0] == first
    assert panel.n_rows == 3


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(["12.5", " 3 ", "", None]),
        pd.Series(["12.5", "3", "nan", None], dtype="string"),
        pd.Series([Decimal("12.5"), 3, None, pd.NA], dtype=object),
        pd.Series([12.5, 3, None, None], dtype="Float64"),
        pd.Series([12.5, 3, None, None], dtype="double[pyarrow]"),
        pd.Series([Decimal("12.5"), 3, None, None], dtype=pd.ArrowDtype(pa.decimal128(6, 2))),
        pd.Categorical(["12.5", "3", None, None]),
        pd.Series([12.5, 3, np.nan, np.nan], dtype="float16"),
    ],
    ids=lambda v: str(v.dtype),
)
def test_numbers_of_any_type_are_read(y):
    panel = Panel.from_frame(frame(y=y))
    np.testing.assert_array_equal(panel.values, [12.5, 3, np.nan, np.nan])
    assert panel.values.dtype == np.float64
    assert (panel.notes.missing, panel.notes.gaps) == (2, 0)


@pytest.mark.parametrize("dtype", ["bool", "boolean", "int8", "uint64", "Int64", "bool[pyarrow]", "object"])
def test_whole_numbers_and_booleans_are_read(dtype):
    y = pd.Series([True, False, True, True]).astype(dtype)
    assert Panel.from_frame(frame(y=y)).values.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ([2, 10, 1], [1, 2, 10]),
        (pd.Series([2, 10, 1], dtype="Int64"), [1, 2, 10]),
        (pd.Series([2, 10, 1], dtype="int32[pyarrow]"), [1, 2, 10]),
        (["b", "a", "é"], ["a", "b", "é"]),
        (pd.Series(["b", "a", "c"], dtype="string"), ["a", "b", "c"]),
        (pd.Categorical(["b", "a", "c"], categories=["unused", "c", "b", "a"]), ["a", "b", "c"]),
        (pd.Categorical([2, 10, 1]), [1, 2, 10]),
        (["b", 3, "10"], ["10", 3, "b"]),
        ([1, "1", 0], [0, 1, "1"]),
        ([("b", 1), ("a", 2), ("a", 1)], [("a", 1), ("a", 2), ("b", 1)]),
        ([2.5, 1.5, 10.0], [1.5, 2.5, 10.0]),
    ],
    ids=str,
)
def test_ids_of_any_type_are_sorted_and_come_back(given, ids):
    panel = Panel.from_frame(pd.DataFrame({"unique_id": given, "ds": 1, "y": [0, 1, 2]}), freq=1)
    assert panel.ids.tolist() == ids
    assert panel.to_frame()["unique_id"].tolist() == ids


def polars_frames():
    base = pl.DataFrame(
        {"unique_id": ["b", "a", "a"], "ds": [DAYS[0], DAYS[1], DAYS[0]], "y": [1, 2, None], "z": 0}
    )
    return {
        "polars": base,
        "lazy": base.lazy(),
        "categorical": base.with_columns(pl.col("unique_id").cast(pl.Categorical)),
        "enum": base.with_columns(pl.col("unique_id").cast(pl.Enum(["b", "a"]))),
        "date": base.with_columns(pl.col("ds").cast(pl.Date)),
        "decimal": base.with_columns(pl.col("y").cast(pl.Decimal(10, 2))),
        "string": base.with_columns(pl.col("y").cast(pl.String)),
        "arrow table": base.to_arrow(),
        "arrow batch": base.to_arrow().to_batches()[0],
        "arrow stream": base.to_arrow().to_reader(),
    }


@pytest.mark.parametrize("kind", polars_frames())
def test_polars_and_arrow_frames_are_read(kind):
    given = pd.DataFrame({"unique_id": ["b", "a", "a"], "ds": DAYS[[0, 1, 0]], "y": [1, 2, None]})
    assert Panel.from_frame(polars_frames()[kind]) == Panel.from_frame(given)


def test_polars_is_not_needed():
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "import pandas as pd; from pipelines.panel import Panel\n"
        "print(Panel.from_frame(pd.DataFrame({'unique_id': 'a', 'ds': [1, 2], 'y': 1})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Panel(1 series, 2 rows, freq='1')\n"


def test_column_names_are_free_and_come_back():
    given = frame().rename(columns={"unique_id": "store", "ds": "day", "y": "sold"}).assign(y="not read")
    panel = Panel.from_frame(given, id_col="store", time_col="day", target_col="sold")
    assert panel.columns == Columns("store", "day", "sold")
    assert panel.to_frame().columns.tolist() == ["store", "day", "sold"]


@pytest.mark.parametrize("levels", [["unique_id"], ["ds"], ["unique_id", "ds"]])
def test_columns_may_be_levels_of_the_index(levels):
    assert Panel.from_frame(frame().set_index(levels)) == Panel.from_frame(frame())


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Sao_Paulo", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("freq", ["h", None])
def test_hours_run_evenly_through_changes_of_the_clocks(zone, freq):
    stamps = pd.date_range("2018-01-01", "2019-01-01", freq="h", tz=zone)
    panel = Panel.from_frame(frame(stamps), freq=freq)
    assert (panel.tz, panel.freq.text, panel.notes.gaps) == (zone, "h", 0)
    back = panel.to_frame()
    assert str(back["ds"].dt.tz) == zone
    assert (back["ds"].array == stamps).all()
    future = panel.key_frame(np.zeros(48, int), panel.future_stamps(48)[0])["ds"]
    assert (future.array == pd.date_range(stamps[-1], periods=49, freq="h")[1:]).all()


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Sao_Paulo", "Asia/Beirut", "America/Havana"])
@pytest.mark.parametrize("text", ["D", "W-SUN", "MS"])
@pytest.mark.parametrize("is_given", [True, False])
def test_days_start_at_midnight_of_their_time_zone(zone, text, is_given):
    # In three of these zones some days have no midnight, or two.
    naive = pd.date_range("2016-01-01", "2018-12-31", freq=text)
    local = naive.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(naive), bool))
    panel = Panel.from_frame(
        frame(local[:-60] if text == "D" else local[:-2]), freq=text if is_given else None
    )
    assert (panel.freq.text, panel.notes.gaps) == (text, 0)
    future = panel.frame_time(panel.future_stamps(60 if text == "D" else 2)[0])
    assert (panel.to_frame()["ds"].array == local[: panel.n_rows]).all()
    assert (future == local[panel.n_rows :]).all()


def test_strings_with_offsets_become_utc_if_the_offset_changes():
    texts = ["2024-03-31 00:00+01:00", "2024-03-31 01:00+01:00", "2024-03-31 03:00+02:00"]
    panel = Panel.from_frame(frame(texts))
    assert (panel.tz, panel.freq.text, panel.n_rows) == ("UTC", "h", 3)
    assert Panel.from_frame(frame(texts[:2])).tz == "UTC+01:00"


def test_times_as_objects_keep_their_time_zone():
    summer_and_winter = pd.date_range("2024-10-26", periods=4, freq="D", tz="Europe/Paris")
    panel = Panel.from_frame(frame(pd.Series(list(summer_and_winter), dtype=object)))
    assert panel == Panel.from_frame(frame(summer_and_winter))
    assert (panel.tz, panel.freq.text) == ("Europe/Paris", "D")


def test_notes_tell_what_is_odd():
    given = pd.concat(
        [
            frame(range(20), unique_id="good").assign(y=lambda d: d["ds"] % 7),
            frame(range(20), y=5, unique_id="constant"),
            frame(range(20), y=0, unique_id="zero"),
            frame(range(20), y=np.nan, unique_id="empty"),
            frame([4], unique_id="one"),
            frame([0, 9], unique_id="gap"),
        ]
    )
    notes = Panel.from_frame(given, freq=1).notes
    assert notes.constant == ("constant", "zero")
    assert notes.all_nan == ("empty",)
    assert notes.short == ("empty", "one")
    assert (notes.rows_in, notes.gaps, notes.missing, notes.gappy) == (83, 8, 20, ("gap",))
    assert str(notes).splitlines() == [
        "83 rows read",
        "8 stamps missing in 1 series ('gap'): filled with rows without a value",
        "20 rows without a value",
        "2 series ('constant', 'zero') constant",
        "1 series ('empty') without any value",
        "2 series ('empty', 'one') shorter than two seasons",
    ]


def test_rows_after_the_last_value_are_noted():
    given = pd.concat(
        [
            frame(range(9), unique_id="late").assign(y=lambda d: d["ds"].where(d["ds"] < 7)),
            frame(range(9), unique_id="whole"),
            frame(range(9), y=np.nan, unique_id="empty"),
        ]
    )
    notes = Panel.from_frame(given, freq=1).notes
    assert (notes.waiting, notes.late) == (2, ("late",))
    assert "2 rows of them at the end of 1 series ('late'): forecasts begin after them" in str(notes)


@pytest.mark.parametrize("n_last", [-1, 2.5, "2023-03-01", True, None])
def test_rows_are_left_out_by_number(n_last):
    with pytest.raises(ConfigError, match="whole number of rows"):
        Panel.from_frame(frame(range(9))).before(n_last)


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_notes_count_in_the_right_number(count):
    text = str(PanelNotes(rows_in=count, gaps=count, gappy=("a",), missing=count))
    for noun in ("row", "stamp"):
        found = re.findall(rf"([\d,]+) {noun}(s?)\b", text)
        assert all((given != "1") == bool(plural) for given, plural in found)
    assert f"{count:,} row" in text


@pytest.mark.parametrize(
    ("stamps", "shown"),
    [
        (["2024-01-01", "2024-01-02", "2024-01-02"], "at 2024-01-02 (rows"),
        (["2024-01-01 00:00", "2024-01-01 12:00", "2024-01-01 12:00"], "at 2024-01-01 12:00:00 (rows"),
        (["2024-01-01 00:00", "2024-01-01 00:00", "2024-01-01 12:00"], "at 2024-01-01 00:00:00 (rows"),
    ],
)
def test_messages_show_the_time_of_day_only_where_there_is_one(stamps, shown):
    given = pd.DataFrame({"unique_id": "a", "ds": pd.to_datetime(stamps), "y": 1.0})
    with pytest.raises(PanelError, match=re.escape(shown)):
        Panel.from_frame(given)


@pytest.mark.parametrize("name", datasets.names())
def test_shipped_data_sets_are_panels(name):
    panel = Panel.from_frame(datasets.load(name))
    assert Panel.from_frame(panel.to_frame(), freq=panel.freq) == panel
    assert panel.freq.text in {"h", "MS"}
