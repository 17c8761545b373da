"""Runs of processes that were killed: they end at the next start, and no living one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.tracking import Tracker, process, store

ROOT = str(Path(store.__file__).parents[2])
RUN = """
import sys
from pipelines.tracking import Tracker
with Tracker(sys.argv[1]).start_run("run") as run:
    run.log_epoch({"step": 1, "loss": 0.5})
    print(run.run_id, flush=True)
    sys.stdin.readline()
"""


def start(directory: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a process that writes a run until it hears something; return it with the id of the run."""
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, str(directory)],
        env=os.environ | {"PYTHONPATH": ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


@pytest.mark.usefixtures("quick_stores")
def test_the_runs_of_killed_processes_end_and_that_of_a_living_one_goes_on(tmp_path: Path) -> None:
    Tracker(tmp_path)  # made here, it takes no time in the children
    children = [start(tmp_path) for _ in range(3)]
    (reaped, _), (zombie, _), (living, kept) = children
    lost = [run for _, run in children[:2]]
    try:
        client = Tracker(tmp_path)._client
        assert {client.get_run(run).info.status for run in (*lost, kept)} == {"RUNNING"}
        for child in (reaped, zombie):
            child.send_signal(signal.SIGKILL)
        reaped.wait(20)
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # still in the table of processes
        client = Tracker(tmp_path)._client
        for ended in map(client.get_run, lost):
            assert ended.info.status == "KILLED"
            assert ended.info.end_time >= ended.info.start_time
            assert "killed" in ended.data.tags["error"]
            assert ended.data.metrics == {"train/loss": 0.5}
        assert client.get_run(kept).info.status == "RUNNING"
        living.communicate("done\n", timeout=60)
        assert client.get_run(kept).info.status == "FINISHED"
    finally:
        for child, _ in children:
            child.kill()
            child.communicate()


def test_only_what_is_surely_gone_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = process.process_tags()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(20)
    dead = own | {process.PID: str(child.pid)}
    assert process.is_gone(dead)
    assert not process.is_gone(own)
    for other in (
        {process.HOST: "elsewhere"},
        {process.SPACE: "pid:[1]"},
        {process.PID: "?"},
        {process.PID: ""},
    ):
        assert not process.is_gone(dead | other)
    without_proc = {process.HOST: own[process.HOST], process.PID: str(os.getpid())}
    monkeypatch.setattr(process, "_PROC", Path("/nowhere"))
    assert not process.is_gone(without_proc)
    assert process.is_gone(without_proc | {process.PID: str(child.pid)})


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_process_id_in_use_again_is_another_process() -> None:
    own = process.process_tags()
    boot, _, ticks = own[process.START].rpartition(":")
    assert process.is_gone(own | {process.START: f"{boot}:{int(ticks) - 1}"})
    assert process.is_gone(own | {process.START: f"another-boot:{ticks}", process.SPACE: "pid:[1]"})
