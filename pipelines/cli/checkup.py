"""Is this installation in order? Each check stands alone and says what to do if not."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import NamedTuple

_IMPORT_SECONDS = 180.0
_DISTRIBUTION = "tcn-forecasting"


class Check(NamedTuple):
    """Result of one check.

    Attributes:
        name: What was checked.
        ok: Whether it is in order.
        text: What was found, and the cure if it is not.
    """

    name: str
    ok: bool
    text: str


def examine() -> Iterator[Check]:
    """Run all checks, one after another.

    Yields:
        The results; a check that fails in an unforeseen way is not in order, and the others still run.
    """
    checks: dict[str, Callable[[], tuple[bool, str]]] = {
        "Python": _python,
        "libraries": _libraries,
        "machine": _machine,
        "temporary files": _temporary_files,
        "TensorFlow": _tensorflow,
        "MLflow store": _mlflow_store,
    }
    for name, check in checks.items():
        try:
            ok, text = check()
        except Exception as error:
            ok, text = False, f"{type(error).__name__}: {error}"
        yield Check(name, ok, text)


def _python() -> tuple[bool, str]:
    return sys.version_info >= (3, 11), f"{platform.python_version()}, {sys.executable}"


def _libraries() -> tuple[bool, str]:
    from packaging.requirements import Requirement

    from pipelines.jobs.versions import installed_version

    try:
        needed = [Requirement(line) for line in requires(_DISTRIBUTION) or []]
    except PackageNotFoundError:
        return False, f"{_DISTRIBUTION} is not installed; run: pip install ."
    found, wrong = [], []
    for requirement in (need for need in needed if need.marker is None or need.marker.evaluate()):
        version = installed_version(requirement.name)
        found.append(f"{requirement.name} {version}")
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement} is needed, found {version or 'none'}")
    return not wrong, "; ".join(wrong) + "; run: pip install --upgrade ." if wrong else ", ".join(found)


def _machine() -> tuple[bool, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    text = f"{os.cpu_count()} cores, {memory:.1f} GB of memory, {platform.machine()}, {platform.system()}"
    enough = memory >= 1.5
    return enough, text if enough else f"{text}; TensorFlow and a small panel need 1.5 GB"


def _temporary_files() -> tuple[bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "probe").write_bytes(b"probe")
    return True, f"{tempfile.gettempdir()} can be written to"


def _tensorflow() -> tuple[bool, str]:
    # In a process of its own: on a processor without the instructions it was built for, the import is killed.
    start = time.monotonic()
    code = "import tensorflow as tf, keras; print(tf.__version__, keras.__version__, keras.backend.backend())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, timeout=_IMPORT_SECONDS,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return False, f"the import ends with status {done.returncode}: {last}; install tensorflow again"
    tensorflow, keras, backend = done.stdout.split()
    text = f"{tensorflow} with Keras {keras}, imported in {time.monotonic() - start:.1f} s"
    if backend != "tensorflow":
        return False, f"{text}; Keras uses {backend}, set KERAS_BACKEND=tensorflow"
    return True, text


def _mlflow_store() -> tuple[bool, str]:
    from pipelines.tracking import Tracker

    with tempfile.TemporaryDirectory() as folder:
        with Tracker(folder).start_run("probe") as run:
            run.log_epoch({"step": 1, "loss": 0.0})
        return run.status == "FINISHED", "a run was written and ended"
