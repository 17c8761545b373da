"""Snapshots of files: what was known at the cutoff, wherever and however it is written."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from job_places import NIGHT, job_of, rows_of

from pipelines import datasets
from pipelines.errors import BusyError, ConfigError, PanelError
from pipelines.nightly.snapshot import read_snapshot, settle

ROWS = st.lists(
    st.tuples(st.sampled_from("ba"), st.integers(0, 5), st.integers(0, 9), st.integers(0, 6)), min_size=1
)
FUTURE: dict[str, Any] = {"covariates": {"future": ["price"], "past": ["load"]}}


def expected(rows: list[tuple[str, int, int, int]], cutoff: int, with_known_at: bool) -> Any:
    """What a snapshot must hold, row by row."""
    latest: dict[tuple[str, int], tuple[int, int]] = {}
    seen, doubles = set(), 0
    for name, step, value, known in rows:
        if with_known_at and known > cutoff:
            continue
        mark = (name, step, known if with_known_at else 0)
        doubles += mark in seen
        seen.add(mark)
        if not with_known_at or known >= latest.get((name, step), (0, -1))[1]:
            latest[name, step] = (value, known)
    past = [
        (name, step, float(value)) for (name, step), (value, _) in sorted(latest.items()) if step <= cutoff
    ]
    ahead: list[tuple[str, int, int]] = []
    for name in "ab":
        later = sorted(step for other, step in latest if other == name and step > cutoff)[:2]
        ahead += [(name, step, latest[name, step][0]) for step in later]
    return past, ahead, doubles


@settings(max_examples=150)
@given(rows=ROWS, cutoff=st.integers(0, 5), with_known_at=st.booleans())
def test_a_snapshot_holds_what_was_known(
    rows: list[tuple[str, int, int, int]], cutoff: int, with_known_at: bool
) -> None:
    frame = pd.DataFrame(rows, columns=["unique_id", "ds", "y", "known"]).assign(price=lambda f: f["y"])
    source = {"path": "a.csv", "known_at": "known"} if with_known_at else "a.csv"
    job = job_of(source, model={"covariates": {"future": ["price"]}})
    past, ahead, doubles = expected(rows, cutoff, with_known_at)
    columns = ["unique_id", "ds", "y", "price", *(["known"] if with_known_at else [])]
    if not past:
        with pytest.raises(PanelError, match="must have rows up to the cutoff"):
            settle(frame[columns], None, job, cutoff)
        return
    snapshot = settle(frame[columns], None, job, cutoff)
    assert list(snapshot.history[["unique_id", "ds", "y"]].itertuples(index=False, name=None)) == past
    assert snapshot.duplicates == doubles
    assert list(snapshot.history.columns) == ["unique_id", "ds", "y", "price"]
    if not ahead:
        assert snapshot.future is None
        return
    assert snapshot.future is not None
    assert list(snapshot.future.columns) == ["unique_id", "ds", "price"]  # never the target
    assert list(snapshot.future.itertuples(index=False, name=None)) == ahead


def written(folder: Path, kind: str) -> str:
    """Write the same rows in a way, and tell where."""
    rows = rows_of("a", "b")[::-1]
    if kind == "csv":
        rows.to_csv(folder / "rows.csv", index=False)
        return str(folder / "rows.csv")
    if kind == "parquet":
        rows.to_parquet(folder / "rows.parquet", index=False)
        return f"file://{folder}/rows.parquet"
    if kind == "folder":
        for i, (_, part) in enumerate(rows.groupby("unique_id")):
            part.to_parquet(folder / f"part-{i}.parquet", index=False)
        (folder / "_SUCCESS").touch()
        (folder / ".part-9.parquet.tmp").write_text("half a fi")
        return str(folder)
    if kind == "partitioned":
        pq.write_to_dataset(pa.Table.from_pandas(rows), folder / "rows", partition_cols=["unique_id"])
        return str(folder / "rows")
    memory = fsspec.filesystem("memory")
    memory.rm("/bucket", recursive=True) if memory.exists("/bucket") else None
    if kind == "address":
        with memory.open("/bucket/rows.parquet", "wb") as file:
            rows.to_parquet(file, index=False)
        return "memory://bucket/rows.parquet"
    for i in range(2):
        with memory.open(f"/bucket/year=2024/part-{i}.parquet", "wb") as file:
            rows.iloc[i::2].to_parquet(file, index=False)
    return "memory://bucket"


@pytest.mark.parametrize(
    "kind", ["csv", "parquet", "folder", "partitioned", "address", "folder at an address"]
)
def test_the_same_rows_are_read_wherever_they_lie(tmp_path: Path, kind: str) -> None:
    snapshot = read_snapshot(job_of(written(tmp_path, kind), model=FUTURE), NIGHT)
    known = rows_of("a", "b").drop(columns="unasked")
    past, ahead = known["ds"] <= NIGHT, known["ds"].isin(pd.to_datetime(["2024-01-04", "2024-01-05"]))
    history = known.loc[past, ["unique_id", "ds", "y", "load", "price"]].reset_index(drop=True)
    future = known.loc[ahead, ["unique_id", "ds", "price"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        snapshot.history, history, check_dtype=False, check_column_type=False, check_like=True
    )
    assert snapshot.future is not None
    pd.testing.assert_frame_equal(snapshot.future, future, check_dtype=False, check_column_type=False)


def test_ids_that_name_folders_stay_text(tmp_path: Path) -> None:
    table = pa.Table.from_pandas(rows_of("007", "12"))
    pq.write_to_dataset(table, tmp_path, partition_cols=["unique_id"])
    assert {*read_snapshot(job_of(tmp_path), NIGHT).history["unique_id"]} == {"007", "12"}


def test_a_shipped_data_set_is_read_by_its_name() -> None:
    snapshot = read_snapshot(job_of("bike_sharing"), pd.Timestamp("2011-06-01"))
    rows = datasets.load("bike_sharing")
    assert len(snapshot.history) == int((rows["ds"] <= "2011-06-01").sum())
    assert list(snapshot.history.columns) == ["unique_id", "ds", "y"]


ZONE = "Europe/Oslo"


@pytest.mark.parametrize("cutoff", ["2024-03-31 01:00", "2024-03-31 01:00+01:00", "2024-03-31T00:00Z"])
def test_a_cutoff_is_a_moment_in_the_time_zone_of_the_stamps(tmp_path: Path, cutoff: str) -> None:
    hours = pd.date_range("2024-03-30 22:00", periods=8, freq="h", tz="UTC").tz_convert(ZONE)
    pd.DataFrame({"unique_id": "a", "ds": hours, "y": range(8)}).to_parquet(tmp_path / "a.parquet")
    history = read_snapshot(job_of(tmp_path / "a.parquet"), pd.Timestamp(cutoff)).history
    assert history["ds"].iloc[-1] == pd.Timestamp("2024-03-31T00:00Z")
    assert str(history["ds"].dt.tz) == ZONE
    assert history["y"].tolist() == [0, 1, 2]


def test_static_covariates_come_from_their_file_or_from_the_rows(tmp_path: Path) -> None:
    rows_of("a", "b").assign(region="north").to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "static.csv").write_text("unique_id,region\na,north\nb,south\n")
    model = {"covariates": {"static": ["region"]}}
    source = {"path": str(tmp_path / "rows.csv"), "static": str(tmp_path / "static.csv")}
    beside = read_snapshot(job_of(source, model=model), NIGHT)
    assert beside.static is not None
    assert beside.static["region"].tolist() == ["north", "south"]
    within = read_snapshot(job_of(tmp_path / "rows.csv", watch={"group": "region"}), NIGHT)
    assert within.static is None
    assert {*within.history["region"]} == {"north"}


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    rows_of("a").rename(columns={"y": "Sales"}).to_csv(path, index=False)
    with pytest.raises(PanelError, match=r"'sales' \(model.target_col\).*did you mean 'Sales'"):
        read_snapshot(job_of(path, model={"target_col": "sales"}), NIGHT)
    with pytest.raises(PanelError, match=r"'seen' \(source.known_at\)"):
        read_snapshot(job_of({"path": str(path), "known_at": "seen"}, model={"target_col": "Sales"}), NIGHT)
    with pytest.raises(PanelError, match=r"which holds times. Received: 17; give a time"):
        read_snapshot(job_of(path, model={"target_col": "Sales"}), 17)
    with pytest.raises(PanelError, match="no such file"):
        read_snapshot(job_of(tmp_path / "gone.parquet"), NIGHT)
    with pytest.raises(PanelError, match="without any"):
        read_snapshot(job_of(tmp_path), NIGHT)
    with pytest.raises(ConfigError, match="pip install 'tcn-forecasting\\[remote\\]', and for s3:// s3fs"):
        read_snapshot(job_of("s3://bucket/a.parquet"), NIGHT)
    with pytest.raises(ConfigError, match="fsspec knows"):
        read_snapshot(job_of("hogwash://bucket/a.parquet"), NIGHT)


def test_a_damaged_file_is_no_matter_of_waiting(tmp_path: Path) -> None:
    rows_of("a").to_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    for part in (whole[:-20], whole[:200] + whole[-300:], b"", b"PAR1"):
        (tmp_path / "a.parquet").write_bytes(part)
        with pytest.raises(PanelError, match="cannot be read as parquet"):
            read_snapshot(job_of(tmp_path / "a.parquet"), NIGHT)


def test_a_file_of_another_schema_is_named(tmp_path: Path) -> None:
    rows_of("a").to_parquet(tmp_path / "1.parquet")
    rows_of("b").rename(columns={"y": "sold"}).to_parquet(tmp_path / "2.parquet")
    with pytest.raises(PanelError, match=r"'y'.*file 2.parquet"):
        read_snapshot(job_of(tmp_path), NIGHT)
    rows_of("b").astype({"y": str}).to_parquet(tmp_path / "2.parquet")
    with pytest.raises(PanelError, match=r"one type each.*file 2.parquet: .*y has incompatible types"):
        read_snapshot(job_of(tmp_path), NIGHT)


def test_a_file_that_is_half_written_is_named(tmp_path: Path) -> None:
    rows_of("a").to_parquet(tmp_path / "1.parquet")
    rows_of("b").to_parquet(tmp_path / "2.parquet")
    whole = (tmp_path / "2.parquet").read_bytes()
    (tmp_path / "2.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PanelError, match=r"file 2.parquet, which is no Parquet file, or part"):
        read_snapshot(job_of(tmp_path), NIGHT)


def test_files_at_an_address_stay_below_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = written(tmp_path, "folder at an address")
    found = ["/bucket/../../canary.parquet"]
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", lambda *_: found)
    with pytest.raises(PanelError, match="must lie below its folder"):
        read_snapshot(job_of(place), NIGHT)


def test_what_passes_is_tried_again_and_what_does_not_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = written(tmp_path, "address")
    memory, calls = type(fsspec.filesystem("memory")), []
    get = memory.get_file

    def flaky(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) < 3:
            raise ConnectionResetError("reset")
        return get(*arguments, **options)

    monkeypatch.setattr(memory, "get_file", flaky)
    assert len(read_snapshot(job_of(place), NIGHT).history) == 6
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(BusyError, match="2 times"):
        read_snapshot(job_of(place, limits={"attempts": 2}), NIGHT)
    calls.clear()

    def forbidden(*_: Any) -> None:
        calls.append(1)
        raise PermissionError

    monkeypatch.setattr(memory, "get_file", forbidden)
    with pytest.raises(PanelError, match="must exist and be readable"):
        read_snapshot(job_of(place), NIGHT)
    assert len(calls) == 1

    def uncredentialed(*_: Any) -> None:
        raise LookupError("no credentials for s3://ann:hunter2@bucket")

    monkeypatch.setattr(memory, "get_file", uncredentialed)
    with pytest.raises(ConfigError, match=r"no credentials for s3://\*\*\*@bucket"):
        read_snapshot(job_of(place), NIGHT)


def test_a_disk_that_fails_for_a_moment_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place, calls = written(tmp_path, "csv"), []
    read = datasets._read_csv

    def flaky(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(*arguments)

    monkeypatch.setattr(datasets, "_read_csv", flaky)
    assert len(read_snapshot(job_of(place), NIGHT).history) == 6
    assert len(calls) == 2


def test_what_is_fetched_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = written(tmp_path, "folder at an address")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read_snapshot(job_of(place), NIGHT)
    assert not list(tmp_path.iterdir())
