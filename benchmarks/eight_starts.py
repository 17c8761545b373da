"""Whether eight commands that start in the same moment, in an empty folder, do each other no harm.

`tcn fit` and `tcn tune` are started eight times at once, whole: each imports what it needs, trains, saves a
bundle, keeps its runs in one MLflow database that is not there before, and registers a version of one model.
Once each has a place of its own for its results, once all have the same one. Every process must end with exit
code 0, or with 75 where it is told to try again later; where all have places of their own, with 0. The
database opens and holds no run that goes on, each version of the model has its own number, and the bundles
that are left load.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from _timing import row, wants_small

BUSY = 75
# Waits for a file, so that all have imported what they need in common when they begin.
GATE = """
import os, sys, time
import pandas, pyarrow.parquet, mlflow
import pipelines.cli, pipelines.jobs
open(sys.argv[1] + "." + str(os.getpid()), "w").close()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.001)
sys.argv[1:] = sys.argv[2:]
pipelines.cli.main()
"""
SETTINGS = "--freq D --horizon 3 --season-length 7 --max-steps 2 --preset fast --quiet"
SPACE = 'filters = [4, 8]\nhead = ["quantile", "normal"]\n'


@dataclass(frozen=True)
class Case:
    """Commands that start together.

    Attributes:
        name: What the result is called.
        words: Arguments; ``{n}`` stands for the number of the process.
        shared: Whether all write their results to the same place.
    """

    name: str
    words: str
    shared: bool

    def command(self, number: int) -> list[str]:
        """Arguments of a process."""
        return [*self.words.format(n=number).split(), *SETTINGS.split()]


FIT = "fit sales.csv --tracking-uri runs --register sales --bundle"
TUNE = "tune sales.csv --space space.toml --method random --max-trials 2 --folds 1 --register sales --output"
CASES = (
    Case("tcn fit, a bundle each", f"{FIT} bundle-{{n}}", False),
    Case("tcn fit, one bundle", f"{FIT} bundle", True),
    Case("tcn tune, a folder each", f"{TUNE} tuned-{{n}} --tracking-uri runs", False),
    Case("tcn tune, one folder", f"{TUNE} tuned --tracking-uri runs", True),
)


def main(count: int, cases: tuple[Case, ...]) -> None:
    """Start all, and look at what they leave."""
    failed: list[str] = []
    for case in cases:
        with TemporaryDirectory() as folder:
            home = Path(folder)
            write_inputs(home)
            codes, words, seconds = at_once(case, home, count)
            shares = Counter(codes)
            others = "".join(f", {number} x exit {code}" for code, number in sorted(shares.items()) if code)
            row(f"{case.name}, {count} at once", f"{seconds:.0f} s", shares[0], f"exit 0{others}")
            told = {text.strip()[-300:] for code, text in zip(codes, words, strict=True) if code}
            for text in sorted(told):
                print(f"    {text.replace(f'{home}{os.sep}', '')}")
            failed += [f"{case.name}: {text}" for text in problems(case, home, codes, words)]
    if failed:
        raise SystemExit("\n".join(failed))


def write_inputs(home: Path) -> None:
    """Write series of 56 days, and what to search."""
    rows = (f"a,2024-{1 + day // 28:02d}-{1 + day % 28:02d},{10 + day % 7}" for day in range(56))
    (home / "sales.csv").write_text("\n".join(("unique_id,ds,y", *rows)))
    (home / "space.toml").write_text(SPACE)


def at_once(case: Case, home: Path, count: int) -> tuple[list[int], list[str], float]:
    """Start commands in the same moment; give their exit codes, what they said, and the seconds of all."""
    gate = home / "gate"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    said = [home / f"words-{number}" for number in range(count)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(count):
            with said[number].open("wb") as words:
                command = [sys.executable, "-c", GATE, str(gate), *case.command(number)]
                processes.append(
                    subprocess.Popen(
                        command, stdout=words, stderr=words, cwd=home, env=environment,
                        start_new_session=True,
                    )
                )  # fmt: skip
        while len(list(home.glob("gate.*"))) < count:
            if any(process.poll() is not None for process in processes):
                raise SystemExit("\n".join(path.read_text() for path in said))
            time.sleep(0.05)
        began = time.monotonic()
        gate.touch()
        codes = [process.wait() for process in processes]
        return codes, [path.read_text() for path in said], time.monotonic() - began
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def problems(case: Case, home: Path, codes: list[int], words: list[str]) -> list[str]:
    """Say what is not as it should be."""
    found = [
        f"exit {code}: {text[-2000:]}"
        for code, text in zip(codes, words, strict=True)
        if code not in (0, BUSY) or "Traceback" in text or (code and not case.shared)
    ]
    if 0 not in codes:
        found.append("none ended with 0")
    found += problems_of_runs(home / "runs" / "mlflow.db", codes.count(0), case.shared)
    return found + problems_of_bundles(home)


def problems_of_runs(path: Path, ended: int, shared: bool) -> list[str]:
    """Say what is wrong with a database in which so many processes have registered their bundles."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        whole = database.execute("PRAGMA integrity_check").fetchone()
        states = dict(database.execute("SELECT status, COUNT(*) FROM runs GROUP BY status").fetchall())
        versions = [number for (number,) in database.execute("SELECT version FROM model_versions")]
    found = [] if whole == ("ok",) else [f"the database is {whole}"]
    if {*states} - {"FINISHED"}:  # those that were told to come again have begun none
        found.append(f"runs are {states}")
    # In a folder of all, two may find the same bundle, the second one's, which is then one version.
    least = min(ended, 1) if shared else ended
    if sorted(versions) != list(range(1, max(len(versions), least) + 1)) or len(versions) > ended:
        found.append(f"{ended} have registered a version, and there are {sorted(versions)}")
    return found


def problems_of_bundles(home: Path) -> list[str]:
    """Say which bundles do not load, and whether drafts are left."""
    from pipelines import Forecaster

    found = []
    for manifest in home.glob("**/bundle*/manifest.json"):
        if "runs" not in manifest.relative_to(home).parts:
            try:
                Forecaster.load(manifest.parent)
            except Exception as error:
                found.append(f"{manifest.parent.name} does not load: {error}")
    return found + [f"{path} is left" for path in home.glob("**/*.tmp")]


if __name__ == "__main__":
    if wants_small(__doc__):
        main(2, CASES[:1])
    else:
        main(8, CASES)
