"""Whether a scheduled job can be killed and starved, and nobody ever reads a half-truth.

A job of a few daily series with a champion is run night after night, and

- killed (``kill -9``) at random moments, while a reader looks at what is published all the time;
- refused a write: the first, the second, and so on until a run needs no more of them;
- started eight times at once;
- run twice, and in another place, time zone and language.

Readers must find the former forecast or the next one; the command that follows must succeed, and publish
what a job that nobody has disturbed publishes.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _disturbed import (
    FIRST,
    Run,
    arguments,
    cutoff,
    digest,
    drafts,
    label,
    make,
    night,
    problem,
    running,
)
from _nights import COMMAND, Warm, environment, tcn
from _timing import row, wants_small

NAMED = (65, 75, 78)  # exit codes of errors that have a name
# Waits for a file, so that several processes have imported everything when they begin.
GATE = """
import os, sys, time
import pandas, pyarrow.parquet
import pipelines.cli, pipelines.nightly.running, pipelines.nightly.loading
open(sys.argv[1] + "." + str(os.getpid()), "w").close()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.001)
sys.argv[1:] = sys.argv[2:]
pipelines.cli.main()
"""


def main(kills: int, starts: int, small: bool) -> None:
    """Disturb the job in every way, and count."""
    failed: list[str] = []
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make(home, small)
        if starts:
            failed += at_once(home, starts)
        run: Run = partial(tcn, inside=True) if small else Warm()
        night(run, home, 0)
        night(run, home, 1)
        failed += same_bytes(run, home, small)
        last, found = killed(run, home, kills)
        failed += found
        last, found = starved(run, home, last, small)
        failed += found
        failed += undisturbed(run, home, last)
        if isinstance(run, Warm):
            run.close()
    if failed:
        raise SystemExit("\n".join(failed))


# Kills


def killed(run: Run, home: Path, kills: int) -> tuple[int, list[str]]:
    """Kill one night after the other; return the last one, and what was wrong."""
    chance, failed, last, how = random.Random(0), [], 1, Counter[str]()
    whole, writing = math.inf, math.inf  # seconds of the fastest run, and of its part that writes
    done = 0
    while done < kills:
        last += 1
        # In turn: at any moment; since it has begun to write; while it publishes.
        since, within = ((False, whole), (True, writing), (True, 0.2))[done % 3]
        before = digest(home / "forecasts.parquet")
        with Reader(home / "forecasts.parquet") as reader:
            took, wrote = end_early(home, last, since, chance.random() * within if whole < math.inf else None)
            between = digest(home / "forecasts.parquet")
        if took is not None:
            whole, writing = min(whole, took), min(writing, wrote)
        left = running(home)
        done += took is None
        if took is None:
            how["amid a run that had published the next forecast"] += between != before
            how["that left an MLflow run open"] += left > 0
            how["that left drafts"] += bool(drafts(home))
            how["between a forecast and its manifest"] += reader.manifests[-1:] != [between]
        night(run, home, last)
        after = digest(home / "forecasts.parquet")
        if reader.files - {before, after}:
            failed.append(f"kill {done}: readers have seen another file")
        if {*reader.manifests} - {before, after}:
            failed.append(f"kill {done}: readers have seen another manifest")
        failed += [f"kill {done}: {text}" for text in (problem(home, last), *drafts(home)) if text]
        if running(home):
            failed.append(f"kill {done}: an MLflow run is left RUNNING")
        how["readings meanwhile"] += reader.count
    row("kills", str(done), writing / whole, "of a run, in which it writes")
    for name, count in how.items():
        row(f"  {name}", f"{count:,}")
    return last, failed


def end_early(home: Path, number: int, since: bool, wait: float | None) -> tuple[float | None, float]:
    """Start a night, and kill it.

    Args:
        home: Folder of the job.
        number: The night.
        since: Whether to wait from when it has begun to write: before that there is little to harm.
        wait: Seconds to wait; None to let it end.

    Returns:
        Seconds that it took, None if it was killed; and those in which it has written.
    """
    place = home / "state" / "nights"
    state, start = place.stat().st_mtime_ns, time.monotonic()
    with (home / "words").open("wb") as words:
        process = subprocess.Popen(
            [*COMMAND, "job", *arguments(number), "--quiet"],
            stdout=words, stderr=words, cwd=home, env=environment(), start_new_session=True,
        )  # fmt: skip
    begun = start
    try:
        while (since or wait is None) and process.poll() is None:
            begun = time.monotonic()
            if place.stat().st_mtime_ns != state:
                break
            time.sleep(0.001)
        process.wait(wait)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None, 0.0
    assert process.returncode == 0, (home / "words").read_text()
    return time.monotonic() - start, time.monotonic() - begun if begun > start else math.inf


class Reader:
    """Somebody who reads what is published, all the time."""

    def __init__(self, path: Path) -> None:
        self.path, self.files, self.count = path, set[str](), 0
        self.manifests: list[str] = []  # digests that they have named, each as it changed
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()

    def _read(self) -> None:
        while not self._end.wait(0.002):
            self._look()

    def _look(self) -> None:
        self.count += 1
        self.files.add(digest(self.path))
        named = json.loads(self.path.with_name(f"{self.path.name}.manifest.json").read_text())["sha256"]
        if self.manifests[-1:] != [named]:
            self.manifests.append(named)


# Writes that fail


def starved(run: Run, home: Path, last: int, small: bool) -> tuple[int, list[str]]:
    """Refuse one write after the other; return the last night, and what was wrong."""
    failed, codes, number = [], Counter[str](), 0
    night(run, home, last := last + 1)
    while True:
        last += 1
        before = digest(home / "forecasts.parquet")
        with refused(number) as calls:
            answer = tcn(*arguments(last, home), cwd=home, inside=True)
        between = digest(home / "forecasts.parquet")
        codes[f"exit {answer.code}" + " with a warning" * bool(answer.record.get("findings"))] += 1
        if answer.code not in (0, *NAMED):
            failed.append(f"write {number} ({calls[-1]}): exit {answer.code}: {answer.words[-500:]}")
        again = run(*arguments(last, home), cwd=home)
        after = digest(home / "forecasts.parquet")
        if between not in (before, after):
            failed.append(f"write {number} ({calls[-1]}): readers have seen another file")
        text = again.words[-500:] if again.code else problem(home, last) or " ".join(drafts(home))
        if again.code or text:
            failed.append(f"write {number} ({calls[-1]}): then exit {again.code}: {text}")
        if running(home):
            failed.append(f"write {number} ({calls[-1]}): an MLflow run is left RUNNING")
        if len(calls) <= number:
            break
        number += 1 if not small else 8
    shown = ", ".join(f"{name}: {count}" for name, count in codes.items())
    row("writes that were refused, each of a run's", str(len(calls)))
    row(f"  {shown}", "")
    return last, failed


@contextmanager
def refused(number: int) -> Iterator[list[str]]:
    """Let a call that writes fail: there is no room.

    Args:
        number: Which one, counted from 0.

    Yields:
        Names of the calls so far.
    """
    calls: list[str] = []

    def counted(name: str, call: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def instead(*given: Any, **options: Any) -> Any:
            if writes(*given, **options):
                calls.append(f"{name} {str(given[0])[-60:]}")
                if len(calls) == number + 1:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(given[0]))
            return call(*given, **options)

        return instead

    def always(*given: Any, **options: Any) -> bool:
        return True

    def for_writing(file: Any, mode: str = "r", *given: Any, **options: Any) -> bool:
        return not isinstance(file, int) and any(letter in mode for letter in "wax+")

    places = [(os, name, always) for name in ("replace", "rename", "fsync", "mkdir")]
    places += [(builtins, "open", for_writing), (io, "open", for_writing)]
    originals = [(module, name, getattr(module, name)) for module, name, _ in places]
    try:
        for module, name, writes in places:
            setattr(module, name, counted(name, getattr(module, name), writes))
        yield calls
    finally:
        for module, name, call in originals:
            setattr(module, name, call)


# Several at once, twice, elsewhere


def at_once(home: Path, starts: int) -> list[str]:
    """Start the first night several times in one moment."""
    gate = home / "gate"
    command = [sys.executable, "-c", GATE, str(gate), "job", *arguments(0), "--quiet"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen(command, cwd=home, env=environment(), **silent) for _ in range(starts)]
    while len(list(home.glob("gate.*"))) < starts:
        time.sleep(0.05)
    gate.touch()
    codes = Counter(process.wait() for process in processes)
    row(f"{starts} starts at once", ", ".join(f"exit {code}: {count}" for code, count in codes.items()))
    return [] if codes == {0: 1, 75: starts - 1} else [f"{starts} starts at once: {dict(codes)}"]


def same_bytes(run: Run, home: Path, small: bool) -> list[str]:
    """Run a night twice; then, as if never before, with another clock, language and working directory."""
    first, found = digest(home / "forecasts.parquet"), []
    night(run, home, 1)
    found.append(digest(home / "forecasts.parquet"))
    other = home.parent / "another place"
    shutil.copytree(home, other)
    places: list[dict[str, str]] = [
        {"TZ": "Pacific/Auckland", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"},
        {"TZ": "America/St_Johns", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "8"},
    ]
    for place in places[: 1 if small else 2]:
        shutil.rmtree(other / "state" / "nights" / sorted(os.listdir(other / "state" / "nights"))[-1])
        (other / "forecasts.parquet").unlink()
        answer = tcn(*arguments(1, other), cwd=home.parent, more=place)
        assert answer.code == 0, answer
        found.append(digest(other / "forecasts.parquet"))
    shutil.rmtree(other)
    row("same bytes: twice, other TZ, LANG and folder", f"{found.count(first)} of {len(found)}")
    return [] if set(found) == {first} else ["one night has given other bytes"]


def undisturbed(run: Run, home: Path, last: int) -> list[str]:
    """Compare the nights with those of a job that nobody has disturbed."""
    other = home.parent / "undisturbed"
    other.mkdir()
    for name in ("job.toml", "source.parquet"):
        shutil.copy(home / name, other / name)
    for name in ("versions", "promotions"):
        shutil.copytree(home / "state" / name, other / "state" / name)
    span = ("--from", FIRST, "--to", str(cutoff(last).date()))
    answer = run("backfill", other / "job.toml", *span, "--set", "tracking.enabled=false", cwd=other)
    assert answer.code == 0, answer
    alike = [digest(label(home, number)) == digest(label(other, number)) for number in range(last + 1)]
    row("nights as those of a job that nobody disturbed", f"{sum(alike)} of {len(alike)}")
    return [] if all(alike) else ["a disturbed night has given another forecast"]


if __name__ == "__main__":
    if wants_small(__doc__):
        main(kills=1, starts=0, small=True)
    else:
        main(kills=50, starts=8, small=False)
