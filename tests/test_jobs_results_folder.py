import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BusyError, ConfigError
from pipelines.jobs import results_folder as module
from pipelines.jobs.results_folder import LOCK, MANIFEST, read_manifest, results_folder


def publish(path, files, folders=None):
    with results_folder(path) as folder:
        for name, text in files.items():
            (folder.draft / name).write_text(text)
        for name, inside in (folders or {}).items():
            (folder.draft / name).mkdir()
            for inner, text in inside.items():
                (folder.draft / name / inner).write_text(text)
        return folder.publish({"name": "demo"})


def contents(path):
    """Everything in a folder but the lock: relative name to bytes."""
    files = (file for file in path.rglob("*") if file.is_file() and file.name != LOCK)
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def test_manifest_names_every_file_with_its_sum(tmp_path):
    placed = publish(tmp_path, {"b.csv": "1", "a.csv": "2"}, {"bundle": {"config.json": "{}"}})
    assert placed == [tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "bundle"]
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest["name"] == "demo"
    found = contents(tmp_path)
    del found[MANIFEST]
    assert manifest["files"] == {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}


def test_a_later_job_replaces_files_and_folders_and_removes_what_it_no_longer_has(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    publish(tmp_path, {"a.csv": "1", "a.parquet": "1"}, {"bundle": {"x": "1", "y": "1"}})
    publish(tmp_path, {"a.csv": "2"}, {"bundle": {"x": "2"}})
    found = contents(tmp_path)
    del found[MANIFEST]
    assert found == {"a.csv": b"2", "bundle/x": b"2", "notes.txt": b"mine"}


@pytest.mark.parametrize("end", [ValueError("no"), KeyboardInterrupt(), SystemExit(143)])
def test_a_job_that_ends_early_leaves_the_former_results_and_nothing_else(tmp_path, end):
    publish(tmp_path, {"a.csv": "1"})
    before = contents(tmp_path)

    def work():
        with results_folder(tmp_path) as folder:
            (folder.draft / "a.csv").write_text("2")
            raise end

    with pytest.raises(type(end)):
        work()
    assert contents(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == [LOCK, "a.csv", MANIFEST]


def test_a_signal_amid_publishing_waits_for_the_end(tmp_path, monkeypatch):
    publish(tmp_path, {"a.csv": "1", "b.csv": "1"})
    replace = os.replace

    def replace_and_interrupt(source, target):
        replace(source, target)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(module.os, "replace", replace_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, {"a.csv": "2", "b.csv": "2"})
    assert [(tmp_path / name).read_text() for name in ("a.csv", "b.csv")] == ["2", "2"]
    sums = {name: hashlib.sha256(b"2").hexdigest() for name in ("a.csv", "b.csv")}
    assert read_manifest(tmp_path) == sums
    assert sorted(os.listdir(tmp_path)) == [LOCK, "a.csv", "b.csv", MANIFEST]


def test_a_folder_comes_back_if_its_successor_cannot_take_its_place(tmp_path, monkeypatch):
    publish(tmp_path, {}, {"bundle": {"x": "1"}})
    replace = os.replace

    def fail_once(source, target):
        if os.path.basename(target) == "bundle" and not os.path.basename(source).startswith(".draft"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(module.os, "replace", fail_once)
    with pytest.raises(ConfigError, match="No space left"):
        publish(tmp_path, {}, {"bundle": {"x": "2"}})
    assert (tmp_path / "bundle" / "x").read_text() == "1"


def test_one_job_at_a_time_even_from_another_process(tmp_path):
    code = "import sys; from pipelines.jobs.results_folder import *; results_folder(sys.argv[1]).__enter__()"
    with results_folder(tmp_path):
        with pytest.raises(BusyError, match="another one writes now"), results_folder(tmp_path):
            pass
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
        assert "BusyError" in done.stderr
        assert len(list(tmp_path.glob(".draft-*"))) == 1
    with results_folder(tmp_path):
        pass


def test_drafts_of_killed_jobs_are_cleared_away(tmp_path):
    left = tmp_path / ".draft-999"
    left.mkdir()
    (left / "half.csv").write_text("1")
    publish(tmp_path, {"a.csv": "1"})
    assert not left.exists()


def test_a_file_is_no_folder_and_stays(tmp_path):
    place = tmp_path / "output"
    place.write_text("text")
    for path in (place, place / "below"):
        with pytest.raises(ConfigError, match="name another one with --output"), results_folder(path):
            pass
    assert place.read_text() == "text"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"files": 3}',
        "\0",
        '{"files": {"src/main.js": "3 kB"}}',
        json.dumps({"files": {"../precious": "0" * 64, "/etc": "0" * 64}}),
    ],
)
def test_a_manifest_that_no_job_has_written_is_left_alone(tmp_path, text):
    place = tmp_path / "output"
    place.mkdir()
    (tmp_path / "precious").write_text("1")
    (place / MANIFEST).write_text(text)
    assert read_manifest(place) == {}
    with pytest.raises(ConfigError, match=r"'manifest\.json'"):
        publish(place, {"a.csv": "1"})
    assert (tmp_path / "precious").exists()
    assert contents(place) == {MANIFEST: text.encode()}


# What may lie in a folder before a job comes: names of results and others, as files and as folders.
NAMES = (
    "a.csv",
    "b.csv",
    "bundle",
    "bundle/x",
    "bundle/thesis.txt",
    "notes.txt",
    "notes/a.csv",
    ".draft-mine",
)
RESULTS = {"a.csv": "new"}, {"bundle": {"x": "new"}}


@given(before=st.sets(st.sampled_from(NAMES)), earlier=st.booleans())
def test_no_file_is_lost_that_no_job_has_written(tmp_path_factory, before, earlier):
    folder = tmp_path_factory.mktemp("output")
    if earlier:
        publish(folder, {"a.csv": "old", "b.csv": "old"}, {"bundle": {"x": "old"}})
    written = contents(folder)
    for name in sorted(before, key=len, reverse=True):
        if not (folder / name).exists():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("mine")
    mine = {name: data for name, data in contents(folder).items() if name not in written}
    all_before = contents(folder)
    in_the_way = [name for name in mine if name == "a.csv" or name.startswith("bundle")]
    if in_the_way:
        with pytest.raises(ConfigError, match="no forecast has written"):
            publish(folder, *RESULTS)
        assert contents(folder) == all_before
    else:
        publish(folder, *RESULTS)
        after = contents(folder)
        assert {name: after[name] for name in mine} == mine
        assert (after["a.csv"], after["bundle/x"]) == (b"new", b"new")
        assert "b.csv" not in after or "b.csv" in mine


@pytest.mark.parametrize("name", ["a.csv", "bundle"])
@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("elsewhere")])
def test_what_is_in_the_way_is_refused_before_the_work(tmp_path, name, make):
    make(tmp_path / name)
    with pytest.raises(ConfigError, match=f"'{name}'.*--output"), results_folder(tmp_path, [name]):
        pytest.fail("the work began")
    assert os.path.lexists(tmp_path / name)


def test_a_lock_that_holds_something_is_not_ours(tmp_path):
    (tmp_path / LOCK).write_text("mine")
    with pytest.raises(ConfigError, match=r"'\.lock'"):
        publish(tmp_path, {"a.csv": "1"})
    assert (tmp_path / LOCK).read_text() == "mine"


def test_files_of_a_job_that_was_killed_while_it_published_are_known(tmp_path, monkeypatch):
    replace, killed = os.replace, []

    def kill(source, target):
        if killed:
            raise SystemExit
        replace(source, target)
        killed.append(target)

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", kill)
        patch.setattr(module, "_remove", lambda path: None)  # nothing is cleared up by a process that is dead
        patch.setattr(module.os, "getpid", lambda: 999)
        with pytest.raises(SystemExit):
            publish(tmp_path, {"a.csv": "1", "b.csv": "1"})
    assert (tmp_path / "a.csv").exists()
    with pytest.raises(ZeroDivisionError), results_folder(tmp_path, ["a.csv"]):
        raise ZeroDivisionError  # a job that fails does not forget it
    publish(tmp_path, {"a.csv": "2"})
    assert sorted(os.listdir(tmp_path)) == [LOCK, "a.csv", MANIFEST]


def test_a_disk_that_is_full_amid_a_job_is_named(tmp_path):
    with pytest.raises(OSError, match=r"No space left.*output"), results_folder(tmp_path / "output"):
        raise OSError(28, "No space left on device")
