"""What a night of many series takes, stage by stage, and from that a plan for ten million.

A job of daily series whose champion is a network on ONNX Runtime, with a month of stored nights, is measured
at several sizes, each in a process of its own: seconds, seconds of computing and peak memory of each stage.
The plan goes on from there in a straight line: as many series as the largest size make one job; it says how
many jobs there are, how many of them a machine runs side by side, and what the machines cost.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _nights import environment
from _timing import row

LOOK_BACK = "look back: recalibrate, score"
STAGES = ("read", "check", LOOK_BACK, "forecast", "publish")
HORIZON = 14
FREE = 0.8  # share of a machine's memory that jobs may fill
SAMPLE = 200  # series that the champion learns from
MODEL = {"horizon": HORIZON, "freq": "D", "season_length": 7, "preset": "fast", "max_steps": 150}
TINY = {**MODEL, "filters": 4, "dilations": [1], "ensemble": 1, "max_steps": 2, "lookback": 14}


@dataclass(frozen=True)
class Taken:
    """What a stage has taken.

    Args:
        seconds: Wall time.
        cpu: Seconds of computing.
        memory: Most bytes that its process held.
    """

    seconds: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Measured:
    """A night of so many series.

    Args:
        stages: What each stage has taken.
        disk: Bytes of the source, the stored nights and what is published.
    """

    stages: dict[str, Taken]
    disk: int

    @property
    def whole(self) -> Taken:
        """All stages, one after the other."""
        every = self.stages.values()
        return Taken(sum(s.seconds for s in every), sum(s.cpu for s in every), max(s.memory for s in every))


def main(given: argparse.Namespace) -> None:
    """Measure each size, and print the plan."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        train(home, TINY if given.small else MODEL, given.rows)
        found = {size: measured(home, size, given) for size in given.sizes}
    table(found)
    plan(found, given)


def table(found: dict[int, Measured]) -> None:
    """Print seconds and memory by stage and size."""
    line("", [f"{size:,} series" for size in found])
    for stage in STAGES:
        line(stage, [shown(each.stages[stage]) for each in found.values()])
    line("a night", [shown(each.whole) for each in found.values()])


def line(name: str, cells: Sequence[str]) -> None:
    """Print a line of the table."""
    print(f"  {name:<30}" + "".join(f"{cell:>22}" for cell in cells))


def shown(taken: Taken) -> str:
    """Seconds and memory."""
    return f"{taken.seconds:.2f} s {taken.memory / 2**20:,.0f} MiB"


def plan(found: dict[int, Measured], given: argparse.Namespace) -> None:
    """Say what so many series take on so many machines."""
    totals = {size: each.whole for size, each in found.items()}
    *_, small, large = sorted(totals)
    a, b = totals[small], totals[large]
    per_series = (b.memory - a.memory) / (large - small)
    jobs = math.ceil(given.series / large)
    cores = max(b.cpu / b.seconds, 1.0)
    beside = min(int(given.cores / cores), int(FREE * given.memory * 2**30 / b.memory))
    print(
        f"{given.series:,} series on {given.machines} machines of {given.cores} cores, {given.memory:g} GiB"
    )
    per = {size: whole.seconds / size for size, whole in totals.items()}
    row(f"one of {large:,} series", f"{1000 * per[large]:.2f} ms", per[large] / per[small], f"of {small:,}")
    row("jobs of so many series each", f"{jobs:,} of {large:,}")
    row("memory of a job", f"{b.memory / 2**30:.1f} GiB")
    row("  for each further thousand of series", f"{per_series * 1000 / 2**20:.0f} MiB")
    row("disk of a job, with its source", f"{found[large].disk / 2**30:.1f} GiB")
    row("cores that a job keeps busy", f"{cores:.1f}")
    if beside < 1:
        raise SystemExit("A machine must have the memory and the cores that a job takes.")
    row("jobs side by side on a machine", str(beside))
    rounds = math.ceil(jobs / (given.machines * beside))
    hours = rounds * b.seconds / 3600
    row("hours from start to end", f"{hours:.2f}")
    row("machine hours a night", f"{hours * given.machines:.1f}")
    row("cost a night", f"{hours * given.machines * given.price:.2f}")


# What is measured


def measured(home: Path, size: int, given: argparse.Namespace) -> Measured:
    """Measure a size in processes of its own."""
    for what in (prepare, measure):
        command = [sys.executable, __file__, what.__name__, home, size, given.rows, given.nights]
        done = subprocess.run(
            [*map(str, command)], env=environment(), check=True, stdout=subprocess.PIPE, text=True
        )
    record = json.loads(done.stdout.splitlines()[-1])
    return Measured({name: Taken(**each) for name, each in record["stages"].items()}, record["disk"])


def measure(home: Path, size: int, rows: int, nights: int) -> None:
    """Go through the stages of a night, and print what each has taken."""
    import pandas as pd

    from pipelines.nightly.champions import line_of_succession
    from pipelines.nightly.checks import check_snapshot
    from pipelines.nightly.forecasting import forecast_columns, forecast_night
    from pipelines.nightly.history import read_history
    from pipelines.nightly.loading import load_job
    from pipelines.nightly.recalling import recall
    from pipelines.nightly.sinks import open_sink
    from pipelines.nightly.snapshot import read_snapshot
    from pipelines.nightly.state import JobFolder, home_of

    job, cutoff = load_job(home / "job.toml"), days(rows)[-1]
    folder = JobFolder(home_of(job))
    line = line_of_succession(job, folder, [])
    taken: dict[str, Taken] = {}

    def stage(name: str, work: Callable[[], Any]) -> Any:
        forget_peak()
        began, cpu = time.perf_counter(), time.process_time()
        result = work()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        taken[name] = Taken(seconds, cpu, peak())
        return result

    snapshot = stage("read", lambda: read_snapshot(job, cutoff))
    facts = line[0].record["facts"]
    now = pd.Timestamp(cutoff, tz="UTC").to_pydatetime()

    def check() -> None:
        panel = read_history(snapshot, job.model, job.model.freq)
        check_snapshot(snapshot, panel, job, cutoff, before=None, facts=facts, now=now)

    stage("check", check)

    def look_back() -> Any:
        return recall(folder.past(cutoff, nights, forecast_columns(job)), snapshot, job, line[0])

    recalled = stage(LOOK_BACK, look_back)
    assert recalled.scored.nights == nights
    made = stage("forecast", lambda: forecast_night(snapshot, line, job, cutoff, recalled.widths))
    assert set(made.models) == {"TCN v1"}, made.findings

    def publish() -> None:
        folder.write_night(night(cutoff, job, size, rows), made.frame)
        open_sink(job).publish(made.frame[list(made.published)], {"job": job.name, "night": "n"})

    stage("publish", publish)
    disk = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    print(json.dumps({"disk": disk, "stages": {name: asdict(each) for name, each in taken.items()}}))


def forget_peak() -> None:
    """Let the most memory that this process has held be what it holds."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most bytes that this process has held since."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


# What is made up


def days(rows: int) -> Any:
    """The days of the history."""
    import pandas as pd

    return pd.date_range("2024-01-01", periods=rows)


def write_source(path: Path, size: int, rows: int) -> None:
    """Write series of a week's season and noise, in parts."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer, step = np.random.default_rng(0), None, 5000
    season = 100 + 10 * np.sin(np.arange(rows) * 2 * np.pi / 7)
    for begin in range(0, size, step):
        ids = np.array([f"series {number:07}" for number in range(begin, min(begin + step, size))])
        values = season + 3 * rng.normal(size=(len(ids), rows))
        columns = {
            "unique_id": np.repeat(ids, rows),
            "ds": np.tile(days(rows), len(ids)),
            "y": values.ravel(),
        }
        part = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    assert writer is not None
    writer.close()


def train(home: Path, model: dict[str, Any], rows: int) -> None:
    """Write a job, and train its champion on a sample, with no test."""
    from pipelines.forecaster import Forecaster
    from pipelines.nightly.champions import version_record
    from pipelines.nightly.facts import facts_of
    from pipelines.nightly.loading import load_job
    from pipelines.nightly.snapshot import read_snapshot
    from pipelines.nightly.state import JobFolder, home_of

    settings = "\n".join(f"{name} = {json.dumps(value)}" for name, value in model.items())
    (home / "job.toml").write_text(
        'name = "many"\n[source]\npath = "source.parquet"\n'
        f'[sink]\npath = "forecasts.parquet"\n[model]\n{settings}\n'
    )
    write_source(home / "source.parquet", SAMPLE, rows)
    job, cutoff = load_job(home / "job.toml"), days(rows)[-1]
    snapshot = read_snapshot(job, cutoff)
    forecaster = Forecaster(**model).fit(snapshot.history)
    record = version_record(forecaster, job.name, cutoff, "", True, scores={}, facts=facts_of(snapshot, job))
    folder = JobFolder(home_of(job))
    folder.promote(folder.write_version(forecaster.save, record).number, "to be measured", "")


def prepare(home: Path, size: int, rows: int, nights: int) -> None:
    """Write the source; store the forecasts of a night as if they were those of the nights before it, too."""
    import shutil

    import pandas as pd

    from pipelines.nightly.champions import line_of_succession
    from pipelines.nightly.forecasting import forecast_night
    from pipelines.nightly.loading import load_job
    from pipelines.nightly.snapshot import read_snapshot
    from pipelines.nightly.state import JobFolder, home_of

    write_source(home / "source.parquet", size, rows)
    job, stamps = load_job(home / "job.toml"), days(rows)
    folder = JobFolder(home_of(job))
    line = line_of_succession(job, folder, [])
    frame = forecast_night(read_snapshot(job, stamps[-1]), line, job, stamps[-1], {}).frame
    for old in folder.nights_path.iterdir():
        shutil.rmtree(old)
    for back in range(nights, 0, -1):
        earlier = frame.assign(**{name: frame[name] - pd.Timedelta(days=back) for name in ("ds", "cutoff")})
        folder.write_night(night(stamps[-1 - back], job, size, len(stamps)), earlier)


def night(cutoff: Any, job: Any, size: int, rows: int) -> Any:
    """What is recorded of a night."""
    from pipelines.nightly.records import Night

    record = {"published": [], "champion": 1, "findings": [], "vanished": []}
    return Night(cutoff, job.fingerprint, size * rows, size, {"TCN v1": size}, record)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    of = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    of.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="series to measure"
    )
    of.add_argument("--rows", type=int, default=400, help="days of each series")
    of.add_argument("--nights", type=int, default=28, help="stored nights that are looked back on")
    of.add_argument("--series", type=int, default=10_000_000, help="series to plan for")
    of.add_argument("--machines", type=int, default=10)
    of.add_argument("--cores", type=int, default=16, help="of a machine")
    of.add_argument("--memory", type=float, default=64, help="of a machine, in GiB")
    of.add_argument("--price", type=float, default=0.8, help="of a machine and hour, in any currency")
    of.add_argument("--small", action="store_true", help="tiny sizes, to see that it runs")
    given = of.parse_args()
    if given.small:
        given.sizes, given.rows, given.nights, given.series = [3, 6], 60, 2, 60
    return given


if __name__ == "__main__":
    parts = {part.__name__: part for part in (prepare, measure)}
    if (begun := sys.argv[1:2]) and begun[0] in parts:
        parts[begun[0]](Path(sys.argv[2]), *map(int, sys.argv[3:]))
    else:
        main(arguments())
