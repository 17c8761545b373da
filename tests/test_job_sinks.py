"""Forecasts in files: the former or the next, whenever the writer stops."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from job_places import MANIFEST, NIGHT, ODD_IDS, forecast_of, job_of

from pipelines.errors import BusyError, ConfigError
from pipelines.nightly.sinks import Sink, open_sink

LATER = {**MANIFEST, "night": "20240104T000000", "cutoff": "2024-01-04", "key": "l"}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read_back(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(
            path, parse_dates=["ds", "cutoff"], keep_default_na=False, dtype={"unique_id": str}
        )
    return pd.read_parquet(path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_same_forecast_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    path, frame = tmp_path / "made" / f"f.{kind}", forecast_of(*ODD_IDS)
    sink = open_sink(job_of(sink=path))
    assert sink.current() is None
    sink.publish(frame, MANIFEST)
    first = files_of(tmp_path)
    assert list(first) == [f"f.{kind}", f"f.{kind}.manifest.json"]
    assert sink.current() == json.loads(first[f"f.{kind}.manifest.json"])
    assert sink.current() == {
        **MANIFEST, "file": f"f.{kind}", "rows": len(frame),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "manifest_sha256": (sink.current() or {})["manifest_sha256"],
    }  # fmt: skip
    pd.testing.assert_frame_equal(read_back(path), frame, check_dtype=False)
    sink.publish(forecast_of("a", shift=1.0), LATER)
    assert (sink.current() or {})["night"] == LATER["night"]
    sink.publish(frame.copy(), dict(reversed(MANIFEST.items())))
    assert files_of(tmp_path) == first


@pytest.mark.parametrize("address", ["", "file://"])
def test_whoever_stops_leaves_the_former_or_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    path = tmp_path / "f[1].parquet"
    sink = open_sink(job_of(sink=f"{address}{path}"))
    sink.publish(forecast_of("a"), MANIFEST)
    former = path.read_bytes()
    sink.publish(forecast_of("b"), LATER)
    later = path.read_bytes()
    steps = 0
    for stop in range(1, 100):
        sink.publish(forecast_of("a"), MANIFEST)
        steps = 0

        def counted(name: str, real: Any, stop: int = stop) -> Any:
            def call(*arguments: Any) -> Any:
                nonlocal steps
                steps += 1
                if steps == stop:
                    raise KeyboardInterrupt(name)
                return real(*arguments)

            return call

        with monkeypatch.context() as patched:
            for owner, name in ((os, "replace"), (os, "fsync"), (Path, "write_bytes")):
                patched.setattr(owner, name, counted(name, getattr(owner, name)))
            try:
                sink.publish(forecast_of("b"), LATER)
            except KeyboardInterrupt:
                pass
            else:
                break
        assert path.read_bytes() in (former, later)
        current = sink.current()
        assert current is None or (current["night"] == MANIFEST["night"]) == (path.read_bytes() == former)
        sink.publish(forecast_of("b"), LATER)
        assert (sink.current() or {})["night"] == LATER["night"]
        assert len(files_of(tmp_path)) == 2
    assert steps == 8  # both files: written, to disk, in place, its folder to disk


def test_what_a_killed_process_has_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".f.csv.12345.tmp").write_text("half")
    (tmp_path / ".other.csv.12345.tmp").write_text("not ours")
    open_sink(job_of(sink=tmp_path / "f.csv")).publish(forecast_of("a"), MANIFEST)
    assert [*files_of(tmp_path)] == [".other.csv.12345.tmp", "f.csv", "f.csv.manifest.json"]


def test_what_was_changed_is_not_current(tmp_path: Path) -> None:
    path, manifest = tmp_path / "f.csv", tmp_path / "f.csv.manifest.json"
    sink = open_sink(job_of(sink=path))
    sink.publish(forecast_of("a"), MANIFEST)
    for file in (path, manifest):
        whole = file.read_bytes()
        for damaged in (b"", whole[:-9], whole.replace(b"2024", b"2025", 1), b"[" * 10**5, b"[]", b'"\xff'):
            file.write_bytes(damaged)
            assert sink.current() is None
        file.unlink()
        assert sink.current() is None
        file.write_bytes(whole)
        assert sink.current() is not None


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"permission and space.*make room, or name another sink.path"):
        open_sink(job_of(sink=tmp_path / "file" / "f.csv")).publish(forecast_of("a"), MANIFEST)
    with pytest.raises(ConfigError, match=r"must end in .csv or .parquet. Received: 'f.xlsx'"):
        open_sink(job_of(sink=tmp_path / "f.xlsx"))


def test_a_full_disk_passes_and_leaves_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = open_sink(job_of(sink=tmp_path / "f.csv"))
    sink.publish(forecast_of("a"), MANIFEST)
    before = (tmp_path / "f.csv").read_bytes()

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.nightly.file_sinks.to_disk", full)
        with pytest.raises(BusyError, match=r"permission and space.*No space left.*make room"):
            sink.publish(forecast_of("b"), LATER)
    assert (tmp_path / "f.csv").read_bytes() == before
    assert sink.current() is not None


@pytest.fixture
def bucket() -> Any:
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    yield memory
    memory.store.clear()


def remote_frame(memory: Any, sink: Sink) -> pd.DataFrame:
    """Read as whoever uses it does: the manifest first, then the file that it names."""
    manifest = json.loads(memory.cat_file("/bucket/f.parquet.manifest.json"))
    assert manifest == sink.current()
    return pd.read_parquet(io.BytesIO(memory.cat_file(f"/bucket/{manifest['file']}")))


def test_at_an_address_the_manifest_names_the_data(bucket: Any) -> None:
    sink = open_sink(job_of(sink="memory://bucket/f.parquet"))
    assert sink.current() is None
    for i, night in enumerate((MANIFEST, LATER, MANIFEST, MANIFEST)):
        sink.publish(forecast_of("a", shift=i % 2), night)
        pd.testing.assert_frame_equal(
            remote_frame(bucket, sink), forecast_of("a", shift=i % 2), check_dtype=False
        )
    again = {name: file.getvalue() for name, file in bucket.store.items()}
    sink.publish(forecast_of("a", shift=1), MANIFEST)
    assert {name: bucket.store[name].getvalue() for name in again if name in bucket.store} == again
    for shift in range(5):
        sink.publish(forecast_of("a", shift=shift), LATER)
    assert len(bucket.store) == 3  # manifest, its data, those before


def test_at_an_address_too_the_former_or_the_next_is_read(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = open_sink(job_of(sink="memory://bucket/f.parquet"))
    sink.publish(forecast_of("a"), MANIFEST)
    pipe = type(bucket).pipe_file
    for stop in (1, 2):
        calls = []

        def stops(*arguments: Any, calls: list[int] = calls, stop: int = stop) -> None:
            calls.append(1)
            if len(calls) == stop:
                raise PermissionError("read-only")
            pipe(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(type(bucket), "pipe_file", stops)
            with pytest.raises(ConfigError, match="permission and space"):
                sink.publish(forecast_of("b"), LATER)
        assert remote_frame(bucket, sink)["unique_id"].unique().tolist() == ["a"]


def test_a_sink_out_of_reach_is_tried_again_and_then_put_off(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = open_sink(job_of(sink="memory://bucket/f.parquet"))
    calls = []

    def down(*_: Any) -> None:
        calls.append(1)
        raise TimeoutError("https://ann:hunter2@host: no answer")

    monkeypatch.setattr(type(bucket), "pipe_file", down)
    with pytest.raises(BusyError, match=r"TimeoutError: https://\*\*\*@host: no answer.*3 times"):
        sink.publish(forecast_of("a"), MANIFEST)
    assert len(calls) == 3
    assert sink.current() is None


def test_integer_steps_are_published_too(tmp_path: Path) -> None:
    frame = forecast_of("a", cutoff=17)
    open_sink(job_of(sink=tmp_path / "f.parquet")).publish(frame, {**MANIFEST, "night": "000000000017"})
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "f.parquet"), frame, check_dtype=False)
    assert frame["cutoff"].unique().tolist() == [17] != [NIGHT]
