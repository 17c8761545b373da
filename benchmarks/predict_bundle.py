"""Forecasts from a bundle: the command ``tcn predict`` as a whole process, on ONNX Runtime and on Keras.

A network is trained for a few steps on daily series and saved twice, with ``model.onnx`` and without. Then
both bundles are forecast from by the command, start of Python and writing of the file included. The forecasts
must agree.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _timing import in_turn, row, wants_small

TOLERANCE = 1e-4


def main(small: bool) -> None:
    """Save two bundles, then compare."""
    import numpy as np
    import pandas as pd

    from pipelines import Forecaster

    series, rows, rounds = (10, 60, 0) if small else (1000, 400, 5)
    days = pd.date_range("2024-01-01", periods=rows)
    noise = np.random.default_rng(0).normal(size=(series, rows))
    values = 100.0 + 10.0 * np.sin(np.arange(rows) * 2 * np.pi / 7) + noise
    ids = np.repeat([f"series {number:04}" for number in range(series)], rows)
    frame = pd.DataFrame({"unique_id": ids, "ds": np.tile(days, series), "y": values.ravel()})
    sizes: dict[str, Any] = {"filters": 8, "dilations": (1,), "ensemble": 1} if small else {}
    forecaster = Forecaster(14, "D", max_steps=4, **sizes).fit(frame)

    with TemporaryDirectory() as folder:
        place = Path(folder)
        forecaster.save(place / "onnx", onnx=True)
        forecaster.save(place / "keras", onnx=False)

        def predict(name: str) -> None:
            command = [sys.executable, "-c", "from pipelines.cli import main; main()", "predict", "--quiet"]
            files = ["--bundle", str(place / name), "--output", str(place / f"{name}.parquet")]
            subprocess.run([*command, *files], check=True, stderr=subprocess.DEVNULL)

        seconds = in_turn({"onnx": lambda: predict("onnx"), "keras": lambda: predict("keras")}, rounds)
        ours, theirs = (
            pd.read_parquet(place / f"{name}.parquet").drop(columns=["unique_id", "ds"]).to_numpy()
            for name in ("onnx", "keras")
        )
    gap = float((np.abs(ours - theirs) / np.abs(theirs).max(axis=1, keepdims=True)).max())
    print(f"{series:,} series of {rows} days, look-back {forecaster.plan_.lookback}")
    row("tcn predict, ONNX Runtime", f"{seconds['onnx']:.2f} s")
    row("tcn predict, Keras", f"{seconds['keras']:.2f} s", seconds["keras"] / seconds["onnx"], "slower")
    row("largest relative difference of their forecasts", f"{gap:.1e}")
    if gap > TOLERANCE:
        raise SystemExit(f"Both must agree to {TOLERANCE}. Received: {gap:.1e}.")


if __name__ == "__main__":
    main(wants_small(__doc__))
