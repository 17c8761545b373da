"""Workers of a Ray cluster: a real one, of two workers of this machine."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest
import worker_calls as calls

import pipelines
from pipelines.errors import ConfigError, PanelError, WorkerError
from pipelines.workers import TRIES, open_workers, ray_cluster

ROOT = Path(pipelines.__file__).resolve().parent.parent
needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="needs the extra 'ray': make test-ray runs it"
)


def stop(number, frame):
    raise SystemExit


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """Where the cluster puts its files: sockets need short paths."""
    folder = Path(f"/tmp/tcn-{os.getpid()}")
    folder.mkdir()
    yield folder
    folder.rmdir()


@pytest.fixture(scope="module")
def pool(temporary):
    with ExitStack() as opened:
        before = signal.signal(signal.SIGTERM, stop)
        opened.callback(signal.signal, signal.SIGTERM, before)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(temporary))
            patch.setenv("TF_NUM_INTRAOP_THREADS", "3")
            workers = opened.enter_context(open_workers("ray", n=2))
        assert signal.getsignal(signal.SIGTERM) is stop
        assert "RAY_USAGE_STATS_ENABLED" not in os.environ
        assert list(temporary.iterdir())
        yield workers
    assert not list(temporary.iterdir()), "files of the cluster are left"


def test_without_ray_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'tcn-forecasting\[ray\]'"), open_workers("ray"):
        pass


@needs_ray
def test_it_does_what_processes_do(pool, capfd):
    futures = [pool.submit(calls.slow_first, number, wait) for number, wait in enumerate([0.3, 0.0, 0.1])]
    assert [future.result() for future in futures] == [0, 1, 2]
    assert pool.submit(calls.process_id).result() != os.getpid()
    error = pool.submit(calls.fail, "panel").exception()
    assert type(error) is PanelError
    assert 'raise PanelError("Series' in error.__notes__[0]
    with pytest.raises(TypeError, match="must return what can be pickled"):
        pool.submit(calls.fail, "result").result()
    with pytest.warns(UserWarning, match="the data are odd"):
        pool.submit(calls.talk).result()
    assert capfd.readouterr() == ("", "")


@needs_ray
def test_threads_are_as_many_as_here(pool):
    assert pool.submit(os.getenv, "TF_NUM_INTRAOP_THREADS").result() == "3"


@needs_ray
def test_the_call_of_a_killed_worker_is_made_again(pool, tmp_path, capfd):
    other = pool.submit(calls.until_told, tmp_path, "other")
    killed = pool.submit(calls.hang_once, tmp_path, "killed")
    os.kill(calls.wait_for(tmp_path / "killed-0"), signal.SIGKILL)
    assert killed.result() == "killed"
    (tmp_path / "told").write_text("1")
    assert other.result() == "other"
    assert sorted(path.name for path in tmp_path.glob("*-*")) == ["killed-0", "killed-1", "other-0"]
    assert capfd.readouterr() == ("", "")


@needs_ray
def test_a_call_that_kills_its_workers_is_given_up(pool, tmp_path):
    with pytest.raises(WorkerError, match="survives_after, begun 3 times, at last WorkerCrashedError"):
        pool.submit(calls.survives_after, tmp_path, "deadly", TRIES).result()
    assert len(list(tmp_path.glob("deadly-*"))) == TRIES


@needs_ray
def test_it_listens_on_loopback_only(pool):
    listening = subprocess.run(["ss", "-Htlnp"], capture_output=True, text=True, check=True).stdout
    of_ray = [line for line in listening.splitlines() if "ray" in line or "gcs" in line]
    assert of_ray
    assert all("127.0.0.1" in line.split()[3] for line in of_ray)


SCRIPT = """
import sys, time
from pathlib import Path
from pipelines.workers import open_workers

def hang(path):
    path.write_text("begun")
    time.sleep(600)

if __name__ == "__main__":
    with open_workers("ray", n=2, address=sys.argv[1]) as workers:
        print(workers.submit(max, 7, 0).result())
        begun = Path(sys.argv[2])
        workers.submit(hang, begun)
        while not begun.exists():
            time.sleep(0.01)
        sys.exit(5)
"""


@needs_ray
def test_another_program_can_use_the_cluster_and_leaves_it(pool, tmp_path):
    import ray

    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, str(script), address, str(tmp_path / "begun")]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (5, "7\n"), done.stderr
    assert pool.submit(max, 8, 0).result() == 8


SLEEPER = """
import sys, time
from pipelines.workers import open_workers

if __name__ == "__main__":
    with open_workers("ray", n=1) as workers:
        workers.submit(time.sleep, 600)
        print("open", flush=True)
"""


@needs_ray
def test_sigterm_leaves_no_files(temporary, tmp_path):
    script, folder = tmp_path / "script.py", temporary / "own"
    script.write_text(SLEEPER)
    folder.mkdir()
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    process = subprocess.Popen([sys.executable, str(script)], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "open\n"
    assert list(folder.iterdir())
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    folder.rmdir()


@needs_ray
def test_a_cluster_that_does_not_answer_is_an_error_at_once():
    with (
        pytest.raises(WorkerError, match="refused"),
        open_workers("ray", address="127.0.0.1:9"),
    ):
        pass
