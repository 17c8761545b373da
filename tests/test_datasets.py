import gzip
import hashlib
import re
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import datasets
from pipelines.errors import PanelError
from pipelines.panel import Panel

NAMES = datasets.names()


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


def test_the_catalog_names_every_file_and_no_other():
    on_disk = {path.name for path in datasets._DATA.glob("*.parquet")}
    assert on_disk == {datasets.describe(name).file for name in NAMES}


def test_the_folder_stays_small():
    assert sum(path.stat().st_size for path in datasets._DATA.iterdir()) < 1_000_000


def test_every_fact_is_given(name):
    info = datasets.describe(name)
    empty = [field.name for field in fields(info) if getattr(info, field.name) in ("", None)]
    assert info.name == name
    assert empty == []
    assert re.fullmatch(r"[0-9a-f]{64}", info.sha256)
    assert info.license_url.startswith("https://")
    assert info.source.startswith("https://")
    with pytest.raises(FrozenInstanceError):
        info.horizon = 1


def test_data_agree_with_their_description(name):
    info, frame = datasets.describe(name), datasets.load(name)
    assert tuple(frame.columns) == ("unique_id", "ds", "y", *info.covariates)
    assert len(frame) == info.n_rows
    assert frame["unique_id"].nunique() == info.n_series
    assert frame["y"].dtype == np.float64
    assert not frame.duplicated(["unique_id", "ds"]).any()


def test_stamps_lie_on_the_grid_and_leave_room_for_a_backtest(name):
    info, frame = datasets.describe(name), datasets.load(name)
    for _, series in frame.groupby("unique_id"):
        grid = pd.date_range(series["ds"].min(), series["ds"].max(), freq=info.freq)
        assert series["ds"].isin(grid).all()
        assert len(series) > 5 * max(info.horizon, info.season_length)


def test_no_covariate_gives_the_target_away(name):
    frame = datasets.load(name)
    numeric = frame.select_dtypes("number").dropna(axis="columns", thresh=10)
    correlation = numeric.corr()["y"].drop("y").abs()
    assert (correlation < 0.95).all()


@pytest.mark.parametrize(("dataset", "hours"), [("bike_sharing", 165), ("nyc_airport_weather", 75)])
def test_gaps_are_those_of_the_source(dataset, hours):
    missing = 0
    for _, series in datasets.load(dataset).groupby("unique_id"):
        missing += len(pd.date_range(series["ds"].min(), series["ds"].max(), freq="h")) - len(series)
    assert missing == hours


def test_bike_sharing_sums_to_the_published_total():
    assert datasets.load("bike_sharing")["y"].sum() == 3_292_679


def test_each_load_is_a_new_frame(name):
    first = datasets.load(name)
    first["y"] = 0.0
    assert not datasets.load(name).equals(first)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(PanelError, match=r"one of: bike_sharing, .*Received: 'bikes'.*read_table"):
        datasets.load("bikes")


@pytest.fixture
def copied_data(tmp_path, monkeypatch):
    for path in datasets._DATA.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(datasets, "_DATA", tmp_path)
    return tmp_path


@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_one_flipped_bit_is_found_before_parsing(position, bit):
    info = datasets.describe("us_unemployment")
    content = bytearray((datasets._DATA / info.file).read_bytes())
    content[position % len(content)] ^= 1 << bit
    assert hashlib.sha256(content).hexdigest() != info.sha256


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"", lambda b: b[::-1]])
def test_damaged_file_is_refused(copied_data, damage):
    path = copied_data / "us_unemployment.parquet"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PanelError, match=r"must have SHA-256 .* Received: .*install the package again"):
        datasets.load("us_unemployment")


def test_absent_file_is_named(copied_data):
    (copied_data / "us_unemployment.parquet").unlink()
    with pytest.raises(PanelError, match=r"us_unemployment\.parquet, which cannot be read: No such file"):
        datasets.load("us_unemployment")


FRAME = pd.DataFrame(
    {
        "unique_id": ["007", "007", "NA", "NA"],
        "ds": pd.to_datetime(["2024-01-01", "2024-01-02"] * 2),
        "y": [1.5, np.nan, -3.0, 1e300],
    }
)


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".parquet"])
def test_files_come_back_as_written(tmp_path, suffix):
    path = tmp_path / f"year=2024{suffix}"
    FRAME.to_csv(path, index=False) if suffix.lower() == ".csv" else FRAME.to_parquet(path)
    got = datasets.read_table(path)
    assert got["unique_id"].tolist() == ["007", "007", "NA", "NA"]
    assert (got["ds"] == FRAME["ds"]).all()
    np.testing.assert_array_equal(got["y"], FRAME["y"])


def test_parquet_index_is_a_column(tmp_path):
    FRAME.set_index(["unique_id", "ds"]).to_parquet(tmp_path / "a.parquet")
    assert set(datasets.read_table(tmp_path / "a.parquet").columns) == {"unique_id", "ds", "y"}


@pytest.mark.parametrize("empty", ["", '""'])
def test_an_empty_id_is_missing(tmp_path, empty):
    (tmp_path / "a.csv").write_text(f"unique_id,ds,y\na,2024-01-01,1\n{empty},2024-01-01,5\n")
    frame = datasets.read_table(tmp_path / "a.csv")
    assert frame["unique_id"].isna().tolist() == [False, True]
    with pytest.raises(PanelError, match=r"'unique_id' must have no missing values\. .*row 1"):
        Panel.from_frame(frame, freq="D")


@given(content=st.binary(min_size=1, max_size=200))
def test_whatever_a_file_holds_the_message_is_fit_for_a_terminal(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(content)
    said = None
    try:
        datasets.read_table(path)
    except PanelError as error:
        said = str(error)
    assert said is None or said.isprintable()


def test_own_id_column_stays_text(tmp_path):
    (tmp_path / "a.csv").write_text("store,ds,y\n01,1,2\n")
    assert datasets.read_table(tmp_path / "a.csv", id_col="store")["store"].tolist() == ["01"]


@given(ids=st.lists(st.text("abcNAnul0123456789 .-_é", min_size=1), min_size=1, max_size=20))
def test_any_id_survives_csv(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    pd.DataFrame({"unique_id": ids, "ds": 1, "y": 1.0}).to_csv(path, index=False)
    assert datasets.read_table(path)["unique_id"].tolist() == ids


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("a.xlsx", b"", r"must end in \.csv or \.parquet\. Received: .*a\.xlsx"),
        ("a", b"", r"must end in \.csv or \.parquet"),
        ("a.csv", b"", r"cannot be read as csv: .*[Ee]mpty"),
        ("a.csv", b"unique_id,ds,y\n", r"at least one row\. Received: .*header only"),
        ("a.csv", b"unique_id;ds;y\na;1;2,5\n", r"separated by commas.*a point as the decimal mark"),
        ("a.csv", b"\xef\xbb\xbfunique_id\tds\ty\na\t1\t2,5\n", r"the header 'unique_id.tds.ty'"),
        ("a.csv", gzip.compress(b"unique_id,ds,y\na,1,2\n", mtime=0), r"compressed with gzip; unpack"),
        ("a.csv", b"PK\x03\x04\x14\x00", r"an Excel workbook"),
        ("a.csv", "unique_id,ds,y\na,1,2\n".encode("utf-16"), r"which is UTF-16 .*; save it as UTF-8"),
        ("a.csv", "unique_id,ds,y\na,1,2\n".encode("utf-16-le"), r"which is UTF-16 .*; save it as UTF-8"),
        ("a.csv", b"unique_id;ds;y\na;1;2\n", r"separated by commas\. Received: the header 'unique_id;ds;y'"),
        ("a.csv", b"unique_id,ds,y\na,1,2\nb,1\n", r"cannot be read as csv: .*Expected 3 columns, got 2"),
        ("a.csv", b"unique_id,ds,y,y\na,1,2,3\n", r"unique\. Received: y more than once"),
        ("a.csv", b"unique_id,ds,y\n\xe9t\xe9,1,2\n", r"must be encoded in UTF-8"),
        (
            "a.csv",
            b"unique_id,ds,y,town\na,1,2,K\xf6ln\n",
            r"encoded in UTF-8\. Received: other bytes in town",
        ),
        ("a.csv", b"unique_id,ds,y,\xf6\na,1,2,3\n", r"must be encoded in UTF-8"),
        ("a.parquet", b"", r"cannot be read as parquet"),
        ("a.parquet", b"unique_id,ds,y\na,1,2\n", r"cannot be read as parquet"),
    ],
)
def test_unusable_files_are_explained(tmp_path, file, content, message):
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(PanelError, match=message) as caught:
        datasets.read_table(path)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 65


def test_missing_file_and_folder_are_told_apart(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(PanelError, match="no such file"):
        datasets.read_table(tmp_path / "none.csv")
    with pytest.raises(PanelError, match="a folder"):
        datasets.read_table(tmp_path / "folder.csv")


def test_damaged_parquet_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    FRAME.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(PanelError, match="cannot be read as parquet"):
        datasets.read_table(path)
