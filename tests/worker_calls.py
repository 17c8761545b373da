"""Calls that tests ask workers for: functions of a module that a worker process can import."""

import os
import signal
import sys
import time
import warnings
from pathlib import Path

from pipelines.errors import PanelError

kept = []


def noted(folder, number):
    """Write the process id beside the number; how many tries of this call there were before."""
    tries = len(list(folder.glob(f"{number}-*")))
    (folder / f"{number}-{tries}").write_text(str(os.getpid()))
    return tries


def wait_for(path, seconds=30):
    end = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, f"no {path}"
        time.sleep(0.01)
    return int(path.read_text())


def forecast_part_killed_once(bundle, part, *others):
    """The forecast of a job's partition; the worker of the first one is killed amid it."""
    from pipelines.nightly.partitions import _forecast_part

    killed = Path(bundle).with_name("killed")
    if "shop 0" in part.ids and not killed.exists():
        killed.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return _forecast_part(bundle, part, *others)


def process_id(_=None):
    return os.getpid()


def slow_first(number, seconds):
    time.sleep(seconds)
    return number


def survives_after(folder, number, deaths):
    """A call that kills its worker so many times."""
    tries = noted(folder, number)
    if tries < deaths:
        sys.stderr.write("out of\nmemory\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def hang_once(folder, number):
    if noted(folder, number) == 0:
        time.sleep(600)
    return number


def until_told(folder, number):
    """A call that ends once there is a file."""
    noted(folder, number)
    wait_for(folder / "told")
    return number


def hang(folder, number):
    noted(folder, number)
    time.sleep(600)


class Odd(Exception):
    """One that cannot be unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def fail(how):
    if how == "panel":
        raise PanelError("Series 'A' has no rows.")
    if how == "odd":
        raise Odd("this", "that")
    if how == "exit":
        sys.exit(3)
    return lambda: how


def talk():
    sys.stdout.write("words of the worker")
    sys.stderr.write("its errors")
    os.write(1, b"words from C\n")
    for _ in range(3):
        warnings.warn("the data are odd", UserWarning, stacklevel=1)
    return sys.stdin.read()


def grown_process_id(size):
    """The process, which keeps so many more bytes."""
    kept.append(b"x" * size)
    return os.getpid()
