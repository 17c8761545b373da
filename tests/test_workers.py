import contextlib
import inspect
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError, wait
from pathlib import Path

import pytest
import worker_calls as calls

from pipelines import errors
from pipelines.errors import ConfigError, PanelError, WorkerError
from pipelines.workers import TRIES, open_workers

ROOT = Path(errors.__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def pool():
    with open_workers(n=2) as workers:
        yield workers


def is_gone(process_id, seconds=10):
    """Whether a process ends in time; one that nobody has asked after yet is a zombie, and gone."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True)
        if state.stdout.strip()[:1] in ("", "Z"):
            return True
        time.sleep(0.02)
    return False


def test_results_belong_to_their_calls_whichever_ends_first(pool):
    waits = [0.3, 0.0, 0.1, 0.0]
    futures = [pool.submit(calls.slow_first, number, wait) for number, wait in enumerate(waits)]
    assert [future.result() for future in futures] == [0, 1, 2, 3]


def test_processes_are_others_and_are_used_again(pool):
    ids = {pool.submit(calls.process_id).result() for _ in range(6)}
    assert os.getpid() not in ids
    assert len(ids) <= 2 == pool.n


def test_a_process_that_has_grown_makes_room_for_another(monkeypatch):
    with open_workers(n=1) as workers:
        first, same = (workers.submit(calls.process_id).result() for _ in range(2))
        monkeypatch.setattr("pipelines.workers.processes._MOST_GROWTH", 10 * 2**20)
        large, other = (workers.submit(calls.grown_process_id, size).result() for size in (2**26, 0))
    assert first == same == large != other
    assert is_gone(large)


def test_an_error_comes_back_with_its_type_and_where_it_was_raised(pool):
    error = pool.submit(calls.fail, "panel").exception()
    assert type(error) is PanelError
    assert str(error) == "Series 'A' has no rows."
    assert 'raise PanelError("Series' in error.__notes__[0]


def test_what_cannot_come_back_says_so(pool):
    odd = pool.submit(calls.fail, "odd").exception()
    assert type(odd) is WorkerError
    assert "Odd: this and that" in str(odd)
    with pytest.raises(TypeError, match="must return what can be pickled"):
        pool.submit(calls.fail, "result").result()
    assert isinstance(pool.submit(calls.fail, "exit").exception(), SystemExit)


def test_what_cannot_be_sent_says_so(pool):
    with pytest.raises(TypeError, match="must be a function of a module"):
        pool.submit(lambda: None)


def test_workers_say_nothing_but_warnings(pool, capfd):
    with pytest.warns(UserWarning, match="the data are odd") as warned:
        assert pool.submit(calls.talk).result() == ""
    assert len(warned) == 1
    assert capfd.readouterr() == ("", "")


def test_a_warning_that_is_an_error_here_is_an_error_of_the_call(pool):
    with pytest.raises(UserWarning, match="the data are odd"):
        pool.submit(calls.talk).result()


def test_the_call_of_a_killed_worker_is_made_again_and_others_go_on(pool, tmp_path):
    other = pool.submit(calls.until_told, tmp_path, "other")
    killed = pool.submit(calls.hang_once, tmp_path, "killed")
    os.kill(calls.wait_for(tmp_path / "killed-0"), signal.SIGKILL)
    assert killed.result() == "killed"
    (tmp_path / "told").write_text("1")
    assert other.result() == "other"
    assert sorted(path.name for path in tmp_path.glob("*-*")) == ["killed-0", "killed-1", "other-0"]


def test_a_call_that_kills_its_workers_is_given_up(pool, tmp_path):
    assert pool.submit(calls.survives_after, tmp_path, "tough", TRIES - 1).result() == "tough"
    with pytest.raises(WorkerError, match=r"survives_after, begun 3 times.*SIGKILL.*said: out of\nmemory"):
        pool.submit(calls.survives_after, tmp_path, "deadly", TRIES).result()
    assert len(list(tmp_path.glob("deadly-*"))) == TRIES


def test_what_has_not_begun_can_be_canceled():
    with open_workers(n=1) as workers:
        first = workers.submit(calls.slow_first, 1, 0.3)
        second = workers.submit(calls.slow_first, 2, 0)
        assert second.cancel()
    assert first.result() == 1
    with pytest.raises(RuntimeError, match="after shutdown"):
        workers.submit(calls.process_id)


def test_an_exception_in_the_block_ends_calls(tmp_path):
    with contextlib.suppress(KeyError), open_workers(n=1) as workers:
        running, waiting = (workers.submit(calls.hang, tmp_path, name) for name in ("one", "two"))
        process = calls.wait_for(tmp_path / "one-0")
        raise KeyError
    wait([running], timeout=10)
    with pytest.raises(CancelledError):
        running.result(timeout=0)
    assert waiting.cancelled()
    assert is_gone(process)
    assert not (tmp_path / "two-0").exists()


SCRIPT = """
import sys
from pathlib import Path
import worker_calls
from pipelines.workers import open_workers

if __name__ == "__main__":
    with open_workers(n=2) as workers:
        for number in range(4):
            workers.submit(worker_calls.hang, Path(sys.argv[1]), number)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
def test_no_worker_outlives_its_parent(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], env=env, stderr=subprocess.PIPE, start_new_session=True
    )
    children = [calls.wait_for(tmp_path / name) for name in ("0-0", "1-0")]
    # Ctrl-C goes to all processes of the terminal, the others to the parent alone.
    (os.killpg if number == signal.SIGINT else os.kill)(parent.pid, number)
    said = parent.communicate(timeout=20)[1].decode()
    assert parent.returncode == -number
    assert said.count("KeyboardInterrupt\n") == (number == signal.SIGINT)
    assert all(map(is_gone, children))
    assert not list(tmp_path.glob("*-1")), "a call was begun again"


@pytest.mark.parametrize(
    "settings",
    [{"n": 0}, {"n": True}, {"n": 1.5}, {"kind": "threads"}, {"address": "127.0.0.1:6379"}],
    ids=str,
)
def test_settings_are_checked(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))), open_workers(**settings):
        pass


@pytest.mark.parametrize(
    "kind", [each for _, each in inspect.getmembers(errors, inspect.isclass)], ids=lambda kind: kind.__name__
)
def test_errors_survive_pickling(kind):
    error = kind("the rule, what was received, the cure")
    error.add_note("where")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args, again.__notes__) == (kind, error.args, ["where"])


def test_importing_workers_is_cheap():
    code = "import sys, pipelines.workers; print({'tensorflow', 'ray', 'numpy', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"
