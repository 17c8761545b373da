"""What the benchmarks of scheduled jobs share: the command in a process of its own, and a reader."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COMMAND = [sys.executable, "-m", "pipelines.cli"]
# Imports what a night does, then is a command's process as often as it is told to.
FORKING = """
import json, os, sys
import pandas, pyarrow.parquet
import pipelines.cli, pipelines.nightly.running, pipelines.nightly.operating, pipelines.nightly.loading
import mlflow, mlflow.tracking
for line in iter(sys.stdin.readline, ""):
    asked = json.loads(line)
    if not os.fork():
        os.chdir(asked["cwd"])
        for number, name in ((1, asked["out"]), (2, asked["errors"])):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv[1:] = asked["words"]
        code = 0
        try:
            pipelines.cli.main()
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        os._exit(code)  # what libraries tidy up at the end are threads that a fork does not have
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
PATIENCE = 50  # tries of a reader who meets a file and the manifest of another one


@dataclass
class Answer:
    """What came of a command.

    Args:
        code: Exit code.
        record: What it answered, or why it could not.
        words: What it said beside that.
        seconds: Wall time.
        cpu: Seconds of computing, its children's included.
        memory: Most bytes that it held.
    """

    code: int
    record: dict[str, Any] = field(default_factory=dict)
    words: str = ""
    seconds: float = 0.0
    cpu: float = 0.0
    memory: int = 0


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a child process is told: where the packages are that this one uses, and more."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **(more or {})}


def tcn(
    *arguments: object,
    cwd: Path,
    more: Mapping[str, str] | None = None,
    command: Sequence[str] = COMMAND,
    inside: bool = False,
) -> Answer:
    """Run ``tcn job``.

    Args:
        arguments: What comes after it.
        cwd: Working directory, which gets the files of what is said.
        more: Variables of the environment.
        command: How it is started.
        inside: Whether this process runs it, which has imported all already.

    Returns:
        What came of it.
    """
    words = ["job", *map(str, arguments), "--json", "--quiet"]
    began = time.monotonic()
    if inside:
        from typer.testing import CliRunner

        from pipelines.cli import app

        result = CliRunner().invoke(app, words)
        return Answer(result.exit_code, _record(result.stdout), result.stderr, time.monotonic() - began)
    out, errors = cwd / f".out.{os.getpid()}", cwd / f".errors.{os.getpid()}"
    with out.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, *words], stdout=stdout, stderr=stderr, cwd=cwd, env=environment(more)
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # subprocess must not wait for it again
    return Answer(
        process.returncode,
        _record(out.read_text()),
        errors.read_text(),
        time.monotonic() - began,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * 1024,
    )


class Warm:
    """Runs commands in processes of their own that have imported everything when they begin."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", FORKING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def __call__(self, *arguments: object, cwd: Path) -> Answer:
        """Run ``tcn job``; see `tcn`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        out, errors = cwd.parent / "out", cwd.parent / "errors"
        words = ["job", *map(str, arguments), "--json", "--quiet"]
        asked = {"words": words, "cwd": str(cwd), "out": str(out), "errors": str(errors)}
        began = time.monotonic()
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        return Answer(code, _record(out.read_text()), errors.read_text(), time.monotonic() - began)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def _record(text: str) -> dict[str, Any]:
    lines = text.strip().splitlines()
    return dict(json.loads(lines[-1])) if lines else {}


@dataclass
class Published:
    """What a reader has found.

    Args:
        frame: The forecast.
        sha256: Checksum of its file.
        manifest: What vouches for it; None if it vouches for another file.
    """

    frame: pd.DataFrame
    sha256: str
    manifest: dict[str, Any] | None


def read(path: Path, patience: int = PATIENCE) -> Published | None:
    """Read what is published, as those do who use it: the file must be the one that its manifest names.

    Args:
        path: The Parquet file.
        patience: Tries, a hundredth of a second apart.

    Returns:
        What was found; None if nothing is published.
    """
    import io

    import pandas as pd

    data, manifest = b"", None
    for attempt in range(patience):
        try:
            data = path.read_bytes()
            found = json.loads(path.with_name(f"{path.name}.manifest.json").read_text())
        except FileNotFoundError:
            found = {}
        if data and found.get("sha256") == hashlib.sha256(data).hexdigest():
            manifest = found
            break
        if attempt + 1 < patience:
            time.sleep(0.01)
    if not data:
        return None
    return Published(pd.read_parquet(io.BytesIO(data)), hashlib.sha256(data).hexdigest(), manifest)


def wrong(
    frame: pd.DataFrame, steps: Mapping[Any, Sequence[Any]], levels: Sequence[int], series: Sequence[str]
) -> str:
    """Say what is wrong with a published forecast.

    Args:
        frame: The forecast.
        steps: Cutoffs that it may have, and the time stamps that then follow.
        levels: Its intervals.
        series: Ids that it must have.

    Returns:
        What is wrong, in words; empty if nothing is.
    """
    import numpy as np

    bounds = [f"TCN-lo-{level}" for level in sorted(levels, reverse=True)]
    columns = [*bounds, "TCN", *(name.replace("lo", "hi") for name in reversed(bounds))]
    if set(frame.columns) != {"unique_id", "ds", "cutoff", "model", *columns}:
        return f"columns {list(frame.columns)}"
    values = frame[columns].to_numpy(float)
    if not np.isfinite(values).all():
        return "values that are not finite"
    if (np.diff(values, axis=1) < 0).any():
        return "bounds that are not in order"
    cutoffs = frame["cutoff"].unique()
    if len(cutoffs) != 1 or cutoffs[0] not in steps:
        return f"cutoffs {cutoffs}"
    if sorted(frame["unique_id"].unique()) != sorted(series):
        return f"{frame['unique_id'].nunique()} series"
    expected = list(steps[cutoffs[0]])
    if any(own["ds"].tolist() != expected for _, own in frame.groupby("unique_id")):
        return "steps that are missing, doubled or of another time"
    if frame["model"].isna().any():
        return "rows of nobody"
    return ""
