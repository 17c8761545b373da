"""Memory of a panel on disk by its size: making the store, training from it, forecasting it.

A partitioned data set of Parquet files is made, each file with some days of all series, so that the rows of
every series are spread over all files. Then each stage runs in a process of its own, and the most memory that
it ever held is shown: for so many series, and for four times as many. The same for a fit that reads all rows
into memory. TensorFlow alone holds about 600 MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _timing import row

FILES = 10
STAGES = ("create", "fit", "predict", "in memory")


def main() -> None:
    """Run a process for each stage and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=1_000, help="of each series")
    parser.add_argument("--steps", type=int, default=20, help="of training")
    parser.add_argument("--folder", default=None, help="where to write, and to delete at the end")
    parser.add_argument("--small", action="store_true", help="tiny sizes, and nothing trained")
    asked = parser.parse_args()
    series, rows, steps = (4, 60, 2) if asked.small else (asked.series, asked.rows, asked.steps)
    peaks: dict[str, list[int]] = {stage: [] for stage in STAGES}
    for times in (1, 4):
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            # Linux counts what a process held before it became another one, so that this one stays small.
            run("write", Path(folder), times * series, rows)
            for stage in STAGES[: 1 if asked.small else None]:
                found = run(stage, Path(folder), steps)
                peaks[stage].append(found["peak"])
                size = f"{times * series:,} series x {rows:,} rows"
                growth = peaks[stage][-1] / peaks[stage][0]
                name = f"{size}: {stage} ({found['seconds']:.0f} s)"
                row(name, f"{found['peak'] / 2**20:,.0f} MiB", growth, "the first size")


def write(folder: Path, series: int, rows: int) -> None:
    """Write a data set, a file for some days of all series."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    names = np.array([f"item {i:07d}" for i in range(series)], object)
    days = pd.date_range("2020-01-01", periods=rows)
    folder.mkdir()
    for number, some in enumerate(np.array_split(np.arange(rows), FILES)):
        wave = 50 + 10 * np.sin(2 * np.pi * some / 7)
        frame = pd.DataFrame(
            {
                "unique_id": np.tile(names, len(some)),
                "ds": np.repeat(days[some], series),
                "y": np.repeat(wave, series) + rng.normal(size=series * len(some)),
            }
        )
        frame.to_parquet(folder / f"{number}.parquet", index=False, row_group_size=2**17)


def run(stage: str, folder: Path, *numbers: int) -> dict[str, float]:
    """Run a stage in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, stage, str(folder), *map(str, numbers)],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(stage: str, folder: Path, *numbers: int) -> None:
    """Do the work of a stage; print its time and peak memory."""
    from pipelines import Forecaster, PanelStore

    began = time.perf_counter()
    forecaster = Forecaster(14, "D", max_steps=numbers[0])
    if stage == "write":
        write(folder / "data", *numbers)
    elif stage == "create":
        PanelStore.create(folder / "data", folder / "store", "D")
    elif stage == "fit":
        forecaster.fit(PanelStore.open(folder / "store")).save(folder / "bundle", onnx=False)
    elif stage == "predict":
        for _ in Forecaster.load(folder / "bundle").predict_parts(PanelStore.open(folder / "store")):
            pass
    else:
        import pandas as pd

        forecaster.fit(pd.read_parquet(folder / "data")).predict()
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak": peak, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("write", *STAGES):
        measure(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
    else:
        main()
