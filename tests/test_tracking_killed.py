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
# MLflow takes seconds to import, so one process does it and becomes three; none of them has a connection yet.
# Each writes a run until it is told to end; the first one waits for them, or sees that they are dead.
RUNS = """
import os, signal, sys
from pipelines.tracking import Tracker
from pipelines.tracking.quiet import quiet
with quiet():
    import mlflow.store.tracking.sqlalchemy_store

def write():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    with Tracker(sys.argv[1]).start_run("run") as run:
        run.log_epoch({"step": 1, "loss": 0.5})
        os.write(1, f"{os.getpid()} {run.run_id}\\n".encode())  # whole, whoever else writes
        signal.sigwait({signal.SIGUSR1})

for _ in range(3):
    if not os.fork():
        write()
        os._exit(0)
for line in iter(sys.stdin.readline, ""):
    what, child = line.split()
    how = os.WEXITED if what == "collect" else os.WEXITED | os.WNOWAIT
    os.waitid(os.P_PID, int(child), how)
    print("done", flush=True)
"""


@pytest.mark.long
@pytest.mark.usefixtures("quick_stores")
def test_the_runs_of_killed_processes_end_and_that_of_a_living_one_goes_on(tmp_path: Path) -> None:
    Tracker(tmp_path)  # made here, it takes no time in the children
    first = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", RUNS, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert first.stdin is not None
    assert first.stdout is not None

    def see(what: str, child: str) -> None:
        """Wait until a child is dead, and maybe take it out of the table of processes."""
        print(what, child, file=first.stdin, flush=True)
        assert first.stdout is not None
        assert first.stdout.readline() == "done\n"

    try:
        collected, zombie, (living, kept) = (first.stdout.readline().split() for _ in range(3))
        lost = [collected[1], zombie[1]]
        client = Tracker(tmp_path)._client
        assert {client.get_run(run).info.status for run in (*lost, kept)} == {"RUNNING"}
        for child, _ in (collected, zombie):
            os.kill(int(child), signal.SIGKILL)
        see("collect", collected[0])
        see("leave", zombie[0])
        client = Tracker(tmp_path)._client
        for ended in map(client.get_run, lost):
            assert ended.info.status == "KILLED"
            assert ended.info.end_time >= ended.info.start_time
            assert "killed" in ended.data.tags["error"]
            assert ended.data.metrics == {"train/loss": 0.5}
        assert client.get_run(kept).info.status == "RUNNING"
        os.kill(int(living), signal.SIGUSR1)
        see("collect", living)
        assert client.get_run(kept).info.status == "FINISHED"
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()


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
