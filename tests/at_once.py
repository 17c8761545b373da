"""Processes that open a store in the same moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pipelines.tracking import store

ROOT = Path(store.__file__).parents[2]
# MLflow takes seconds to import, so one process does it and becomes eight; none of them has a connection yet.
SCRIPT = """
import json, os, sys, traceback
from pipelines.errors import ForecastingError
from pipelines.tracking import Tracker
from pipelines.tracking.quiet import quiet
with quiet():
    import mlflow.store.tracking.sqlalchemy_store

place, artifacts, count = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
waits, starts = os.pipe()

def write():
    os.close(starts)
    os.read(waits, 1)
    try:
        with Tracker(place, "shared", artifacts).start_run("run") as run:
            run.log_epoch({"step": 1, "loss": 0.5})
            run.log_text("text", "file.txt")
    except ForecastingError as error:
        return error.exit_code
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

children = []
for _ in range(count):
    child = os.fork()
    if not child:
        code = write()
        sys.stderr.flush()
        os._exit(code)
    children.append(child)
os.close(starts)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
"""


def open_at_once(place: str, artifacts: str = "", count: int = 8) -> list[int]:
    """Let processes write a run to a store that they open in the same moment; return their exit codes."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, place, artifacts, str(count)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stderr == ""
    codes: list[int] = json.loads(done.stdout)
    return codes
