"""Fits of small forecasters: one after the other here, by two processes, and, if installed, by a Ray cluster.

The forecasts must be the same to the bit wherever they are made. One worker of each kind is killed amid its
first call, which is made again. The Ray cluster is a local one of two workers: two cores are shared in
all cases; starting the workers and importing TensorFlow in them is part of their time.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from _fits import forecast
from _timing import row, wants_small

SEEDS = 4


def by_workers(kind: str, seeds: int, settings: dict[str, Any], folder: Path) -> list[Any]:
    """Let workers make all fits, and kill one of them amid its first."""
    from pipelines.workers import open_workers

    with open_workers(kind, n=2) as workers:
        futures = [workers.submit(forecast, seed, settings, folder) for seed in range(seeds)]
        first = folder / "0-0"
        while not (first.exists() and first.read_text()):
            time.sleep(0.01)
        os.kill(int(first.read_text()), signal.SIGKILL)
        return [future.result() for future in futures]


def main(small: bool) -> None:
    """Print seconds, and whether forecasts are the same."""
    tiny = {"max_steps": 0, "ensemble": 1, "filters": 4, "dilations": (1,), "lookback": 24}
    settings: dict[str, Any] = tiny if small else {"preset": "fast", "max_steps": 100}
    seeds = 2 if small else SEEDS
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        here = [forecast(seed, settings, Path(folder)) for seed in range(seeds)]
        alone = time.perf_counter() - began
    row(f"{seeds} fits, one after the other", f"{alone:.1f} s")
    for kind in ("processes", "ray") if find_spec("ray") else ("processes",):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            made = by_workers(kind, seeds, settings, Path(folder))
            seconds = time.perf_counter() - began
            tries = len(list(Path(folder).iterdir()))
        same = all(np.array_equal(a, b) for a, b in zip(here, made, strict=True))
        row(f"two workers: {kind}", f"{seconds:.1f} s", alone / seconds, "as fast")
        row("  calls begun, one worker killed", f"{tries}")
        row("  the same forecasts, to the bit", "yes" if same else "NO")


if __name__ == "__main__":
    main(wants_small(__doc__))
