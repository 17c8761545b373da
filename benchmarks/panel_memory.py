"""Memory by the size of the panel: reading a frame, conditioning its series, and training on them.

Each size runs in a process of its own, which makes a frame of that many series of 400 days, then reads it as
a ``Panel``, makes the ``SeriesTable`` and trains for a few steps. Shown is how far the peak of the process
rises above what it held once TensorFlow was loaded and the frame was made, beside the values in float64. A
step of training takes the same memory at any size; what grows with the panel is the rest.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from _timing import row, wants_small

DAYS = 400
MEBIBYTE = 2**20
STATM = Path("/proc/self/statm")


def main(small: bool) -> None:
    """Run a process for each size."""
    if not STATM.exists():
        print("This benchmark reads /proc, which only Linux has.")
        return
    print(f"{DAYS} rows per series; memory above the loaded libraries and the frame")
    for n_series in (2,) if small else (100, 1_000, 10_000):
        done = subprocess.run(
            [sys.executable, __file__, str(n_series)], check=True, text=True, stdout=subprocess.PIPE
        )
        found = json.loads(done.stdout.splitlines()[-1])
        values = 8 * DAYS * n_series
        for stage in ("panel", "training"):
            taken = found[stage] - found["before"]
            name = f"{n_series:,} series: peak up to {stage}"
            row(name, f"{taken / MEBIBYTE:,.0f} MiB", taken / values, "values in float64")


def measure(n_series: int) -> None:
    """Print the memory of one size as JSON: held before, and the peaks after each stage, in bytes."""
    import numpy as np
    import pandas as pd

    from pipelines import Forecaster, Panel
    from pipelines.network import build_network
    from pipelines.training import train
    from pipelines.windows import SeriesTable

    days = pd.date_range("2024-01-01", periods=DAYS).to_numpy()
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(n_series), DAYS),
            "ds": np.tile(days, n_series),
            "y": np.random.default_rng(0).gamma(2.0, 10.0, DAYS * n_series),
        }
    )
    memory = {"before": held()}
    panel = Panel.from_frame(frame, "D")
    table = SeriesTable.from_panel(panel, 7)
    memory["panel"] = peak()
    plan = Forecaster(14, "D", max_steps=20, ensemble="auto" if n_series >= 100 else 1).plan(panel)
    train(build_network(plan, seed=0), table, plan, seed=0)
    memory["training"] = peak()
    print(json.dumps(memory))


def held() -> int:
    """Bytes that this process holds in memory now."""
    pages = int(STATM.read_text().split()[1])
    return pages * resource.getpagesize()


def peak() -> int:
    """Most bytes that it ever held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].isdecimal():
        measure(int(sys.argv[1]))
    else:
        main(wants_small(__doc__))
