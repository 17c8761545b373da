"""Panels on disk: any partitioning gives the panel of the same rows in memory, or one error and no folder."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import frame_of, training_frame, weekly

from pipelines import ConfigError, Panel, PanelError, PanelStore
from pipelines.panel import PanelNotes
from pipelines.store.parts import Sorter, ends_of_parts


def write(frame, folder, kind):
    """Write a frame in one of the ways that data sets are partitioned."""
    folder.mkdir()
    if kind == "one file":
        frame.to_parquet(folder / "all.parquet", index=False)
    elif kind == "by time":
        for i, some in enumerate(np.array_split(np.arange(len(frame)), 4)):
            frame.sort_values("ds").iloc[some].to_parquet(folder / f"{i}.parquet", index=False)
    elif kind == "by month":
        frame.assign(month=frame.ds.dt.month).to_parquet(folder, partition_cols=["month"])
    elif kind == "by series":
        frame.to_parquet(folder, partition_cols=["unique_id"])
    else:
        shuffled = frame.sample(frac=1, random_state=0)
        shuffled.assign(unique_id=shuffled.unique_id.astype("category")).to_parquet(folder / "a.parquet")
    return folder


def whole(store):
    return store.select(np.arange(store.n_series))


def stored(frame, folder, kind="by month", **options):
    return PanelStore.create(write(frame, folder / "data", kind), folder / "store", **options)


def left_over(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "data")


@pytest.mark.parametrize("kind", ["one file", "by time", "by month", "by series", "shuffled categories"])
def test_partitioning_does_not_matter(kind, tmp_path):
    panel, frame = Panel.from_frame(training_frame()), training_frame()
    store = stored(frame, tmp_path, kind, part_rows=100)
    assert store.n_parts > 1
    assert whole(store) == panel
    assert (store.n_series, store.n_rows) == (panel.n_series, panel.n_rows)
    np.testing.assert_array_equal(store.last_stamps, panel.last_stamps)
    assert PanelNotes.joined([part.notes for part in store.parts()]) == panel.notes
    assert left_over(tmp_path) == ["store"]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_rows_in_any_files_are_the_panel_of_them(data, tmp_path_factory):
    days = st.sets(st.integers(0, 60), min_size=2, max_size=20)
    series = data.draw(st.dictionaries(st.integers(-5, 5), days, min_size=1, max_size=6))
    frame = pd.DataFrame([(name, day) for name, some in series.items() for day in some], columns=["k", "t"])
    frame["v"] = np.where(frame.index % 5 == 3, np.nan, np.arange(len(frame)) ** 1.5)
    columns = dict(id_col="k", time_col="t", target_col="v")
    frame = frame.iloc[np.random.default_rng(len(frame)).permutation(len(frame))]
    folder = tmp_path_factory.mktemp("any")
    (folder / "data").mkdir()
    cuts = data.draw(st.integers(1, 4))
    for i, some in enumerate(np.array_split(np.arange(len(frame)), cuts)):
        frame.iloc[some].to_parquet(folder / "data" / f"{i}.parquet", index=False)
    rows = data.draw(st.integers(1, 50))
    store = PanelStore.create(folder / "data", folder / "store", 1, part_rows=rows, **columns)
    panel = Panel.from_frame(frame, 1, **columns)
    assert whole(store) == panel
    assert whole(store).ids.dtype == panel.ids.dtype
    ends = np.concatenate([[0], store.ends])
    given = np.add.reduceat(store.given, ends[:-1])
    assert (given <= rows)[np.diff(ends) > 1].all()


def test_time_zones_and_dates_by_folder_come_back(tmp_path):
    frame = training_frame().assign(ds=lambda f: f.ds.dt.tz_localize("Europe/Berlin"))
    assert whole(stored(frame, tmp_path, "one file")) == Panel.from_frame(frame)
    (tmp_path / "other").mkdir()
    plain = frame_of({"a": weekly(20), "b": weekly(30)})
    by_day = plain.assign(ds=plain.ds.dt.strftime("%Y-%m-%d"))
    by_day.to_parquet(tmp_path / "other" / "data", partition_cols=["ds"])
    store = PanelStore.create(tmp_path / "other" / "data", tmp_path / "other" / "store")
    assert whole(store) == Panel.from_frame(plain)


def test_types_of_files_are_brought_together_and_arrow_filters_rows(tmp_path):
    frame = frame_of({"a": np.arange(20.0), "b": np.arange(30.0) + 0.5})
    write(frame.iloc[20:], tmp_path / "data", "one file")
    frame.iloc[:20].astype({"y": "int64"}).to_parquet(tmp_path / "data" / "0.parquet", index=False)
    assert whole(PanelStore.create(tmp_path / "data", tmp_path / "store")) == Panel.from_frame(frame)
    some = ds.dataset(tmp_path / "data" / "all.parquet").filter(ds.field("ds") > pd.Timestamp("2024-01-10"))
    assert whole(PanelStore.create(some, tmp_path / "some")) == Panel.from_frame(frame.iloc[30:])


def test_ends_of_parts():
    assert ends_of_parts(np.array([9, 9, 9]), 1).tolist() == [1, 2, 3]
    assert ends_of_parts(np.array([1, 2, 3]), 6).tolist() == [3]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(y=f.y.where(f.index != 100, np.inf)), ["'y'", "'b'", "Rows are counted among"]),
        (lambda f: pd.concat([f, f.iloc[[5]]]), ["one row per stamp", "'a'"]),
        (lambda f: f.assign(unique_id=f.unique_id.where(f.index != 3)), ["'unique_id'", "1 missing"]),
        (lambda f: f.rename(columns={"y": "z"}), ["'y'", "rename"]),
        (lambda f: f.iloc[:0], ["at least one row"]),
        (lambda f: f.assign(ds=f.ds + pd.to_timedelta((f.index == 200) * 5, "h")), ["grid", "'c'"]),
    ],
    ids=["infinite", "repeated", "no id", "no column", "empty", "off the grid"],
)
def test_bad_data_are_named_and_leave_nothing(change, words, tmp_path):
    with pytest.raises(PanelError) as caught:
        stored(change(training_frame()), tmp_path, "one file", part_rows=100)
    for word in words:
        assert word in str(caught.value)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("spoil", ["text", "truncated", "other type"])
def test_a_bad_file_is_named(spoil, tmp_path):
    data = write(training_frame(), tmp_path / "data", "one file")
    if spoil == "text":
        (data / "notes.txt").write_text("not a table")
    elif spoil == "truncated":
        (data / "all.parquet").write_bytes((data / "all.parquet").read_bytes()[:-40])
    else:
        pq.write_table(pa.table({"unique_id": [1], "ds": ["x"], "y": [[1]]}), data / "other.parquet")
    with pytest.raises(PanelError, match="must be Parquet files"):
        PanelStore.create(data, tmp_path / "store")
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("when", [0, 2])
def test_an_interrupted_create_leaves_nothing(when, tmp_path, monkeypatch):
    read, calls = Sorter._frame, []

    def interrupted(self, *args):
        calls.append(args)
        if len(calls) > when:
            raise KeyboardInterrupt
        return read(self, *args)

    monkeypatch.setattr(Sorter, "_frame", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stored(training_frame(), tmp_path, part_rows=100)
    assert left_over(tmp_path) == []


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "store").mkdir()
    store = stored(training_frame(), tmp_path)  # an empty folder is free
    with pytest.raises(ConfigError, match="holds something"):
        PanelStore.create(tmp_path / "data", store.path)
    with pytest.raises(ConfigError, match=r"make .* first"):
        PanelStore.create(tmp_path / "data", tmp_path / "no" / "store")
    with pytest.raises(ConfigError, match="part_rows"):
        PanelStore.create(tmp_path / "data", tmp_path / "other", part_rows=0)
    with pytest.raises(PanelError, match="no such file"):
        PanelStore.create(tmp_path / "nothing", tmp_path / "other")


@pytest.mark.parametrize("name", ["manifest.json", "series.parquet", "values-00001.npy"])
@pytest.mark.parametrize("harm", ["delete", "truncate", "flip"])
def test_a_damaged_store_is_named(name, harm, tmp_path):
    path = stored(training_frame(), tmp_path, part_rows=100).path
    file = path / name
    content = bytearray(file.read_bytes())
    if harm == "delete":
        file.unlink()
    elif harm == "truncate":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[0] ^= 1
        file.write_bytes(content)
    with pytest.raises(PanelError, match="store must be") as caught:
        list(PanelStore.open(path).parts())
    assert str(path if name == "manifest.json" else file) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"format": 9}, "format 9"), ({"kind": "bundle"}, "PanelStore.create"), ({"freq": "xyz"}, "freq")],
)
def test_a_foreign_manifest_is_refused(change, words, tmp_path):
    path = stored(training_frame(), tmp_path).path
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(PanelError, match=words):
        PanelStore.open(path)
    with pytest.raises(PanelError, match="must be a folder"):
        PanelStore.open(Path(path.parent / "data"))
