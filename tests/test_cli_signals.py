import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jobs_stand_in import make_frame

import pipelines
from pipelines.jobs.results_folder import LOCK, digests

pytestmark = pytest.mark.long  # processes of their own, which are waited for and killed

ROOT = Path(pipelines.__file__).resolve().parent.parent
# The command with a fit that takes as long as the test likes.
CODE = """
import jobs_stand_in
def patch(path, value):
    from importlib import import_module
    module, _, name = path.rpartition(".")
    setattr(import_module(module), name, value)
jobs_stand_in.install(patch)
jobs_stand_in.StandIn.pause = {pause}
from pipelines.cli import main
main()
"""


def start(folder, *arguments, pause):
    command = [sys.executable, "-c", CODE.format(pause=pause), "forecast", "sales.csv", "--horizon", "6"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    return subprocess.Popen(
        [*command, *arguments], cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for(process, word):
    for line in process.stderr:
        if word in line:
            return
    pytest.fail(f"ended with {process.wait()} before it said {word!r}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the results of a job that ended well."""
    path = tmp_path_factory.mktemp("work")
    make_frame().to_csv(path / "sales.csv", index=False)
    process = start(path, "--no-track", pause=0)
    assert process.wait() == 0, process.stderr.read()
    process.communicate()
    return path


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_stopped_job_leaves_the_former_results_and_no_other_files(folder, number, code):
    before = digests(folder)
    process = start(folder, "--no-track", "--seed", "1", pause=30)
    wait_for(process, "fitting")
    assert list((folder / "output").glob(".draft-*"))
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert digests(folder) == before
    assert not list((folder / "output").glob(".draft-*"))


def test_a_killed_job_leaves_the_former_results_and_the_next_one_clears_up(folder):
    before = {name: value for name, value in digests(folder).items() if LOCK not in name}
    process = start(folder, "--no-track", pause=30)
    wait_for(process, "fitting")
    process.kill()
    process.communicate()
    after = digests(folder)
    assert {name: after[name] for name in before} == before
    process = start(folder, "--no-track", pause=0)
    process.communicate()
    assert process.returncode == 0
    assert not list((folder / "output").glob(".draft-*"))


def test_an_interrupted_run_is_killed_in_mlflow_and_the_store_stays_usable(folder):
    from mlflow import MlflowClient

    process = start(folder, "--output", "tracked", pause=30)
    wait_for(process, "fitting")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    (run,) = MlflowClient(f"sqlite:///{folder}/tracked/mlflow.db").search_runs(["1"])
    assert run.info.status == "KILLED"


def test_a_second_job_on_the_same_folder_is_told_to_wait(folder):
    first = start(folder, "--no-track", pause=30)
    wait_for(first, "fitting")
    began = time.monotonic()
    second = start(folder, "--no-track", pause=0)
    _, err = second.communicate()
    assert second.returncode == 75
    assert "try again when it has ended" in err
    assert time.monotonic() - began < 20
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=20)
