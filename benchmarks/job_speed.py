"""A whole night of a scheduled job as a process of its own: seconds, memory, and where the time goes.

A job of daily series whose champion is a network, saved for ONNX Runtime, is run for one night after another:
start of Python, reading, checks, forecast, publishing, scores of earlier nights, MLflow and status page. It
must take less than 5 s and 600 MB for 1,000 series of 400 days, and never import TensorFlow.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _nights import Answer, tcn
from _timing import row, wants_small

SECONDS, MEMORY = 5.0, 600 * 2**20
HEAVY = (
    "tensorflow",
    "keras",
    "keras_tuner",
    "mlflow",
    "sqlalchemy",
    "scipy",
    "plotly",
    "sklearn",
    "onnxruntime",
)
# The command, and then what it has imported.
TELLING = [
    sys.executable,
    "-c",
    "import atexit, sys; from pipelines.cli import main; "
    f"shown = lambda: print('imported', *(n for n in {HEAVY} if n in sys.modules), file=sys.stderr); "
    "atexit.register(shown); "
    "main()",
]


def main(series: int, rows: int, rounds: int, small: bool) -> None:
    """Make a job with a champion, then run its nights."""
    import pandas as pd

    with TemporaryDirectory() as folder:
        home = Path(folder)
        make(home, series, rows + rounds + 1, small)
        nights = pd.date_range("2024-01-01", periods=rows + rounds + 1)[rows - 1 :]
        promote(home, nights[0], small)
        answers = [run(home, night) for night in nights[1:]]
        untracked = None if small else run(home, nights[-1], "--set", "tracking.enabled=false", again=True)
    for answer in answers:
        assert answer.record["champion"] == 1, answer.record["findings"]
    usual = (
        answers[1:] or answers
    )  # the first one of a machine reads all from disk, and makes MLflow's database
    seconds = statistics.median(answer.seconds for answer in usual)
    memory = max(answer.memory for answer in usual)
    print(f"{series:,} series of {rows} days")
    row("a night, wall time", f"{seconds:.2f} s", seconds / SECONDS, "the most it may take")
    row("  computing", f"{statistics.median(answer.cpu for answer in usual):.2f} s")
    row("  the fastest", f"{min(answer.seconds for answer in usual):.2f} s")
    row("  the first night", f"{answers[0].seconds:.2f} s")
    for stage, taken in sorted(usual[-1].record["seconds"].items(), key=lambda item: -item[1]):
        row(f"  {stage}", f"{taken:.2f} s")
    row(
        "  start of Python, settings, end",
        f"{usual[-1].seconds - sum(usual[-1].record['seconds'].values()):.2f} s",
    )
    if untracked is not None:
        row("the same night again", f"{untracked.seconds:.2f} s")
    row("memory", f"{memory / 2**20:.0f} MiB", memory / MEMORY, "the most it may take")
    imported = answers[-1].words.rsplit("imported", 1)[-1].split()
    row("imported", ", ".join(imported))
    if "tensorflow" in imported or "keras" in imported:
        raise SystemExit("A night must not import TensorFlow.")
    # A child's memory counts from its fork: in a small run from a process that has trained a champion.
    if not small and (memory > MEMORY or seconds > SECONDS):
        raise SystemExit(f"A night must take less than {SECONDS:.0f} s and {MEMORY / 2**20:.0f} MiB.")


def run(home: Path, night: Any, *more: str, again: bool = False) -> Answer:
    """Run a night."""
    answer = tcn("run", "job.toml", "--cutoff", night.date(), *more, cwd=home, command=TELLING)
    assert answer.code == 0, (answer.code, answer.words[-2000:])
    assert answer.record["again"] == again
    return answer


def make(home: Path, series: int, rows: int, small: bool) -> None:
    """Write a job and its source: a week's season and much noise."""
    import numpy as np
    import pandas as pd

    days = pd.date_range("2024-01-01", periods=rows)
    noise = np.random.default_rng(0).normal(size=(series, rows))
    values = 100.0 + 10.0 * np.sin(np.arange(rows) * 2 * np.pi / 7) + 3 * noise
    ids = np.repeat([f"series {number:04}" for number in range(series)], rows)
    pd.DataFrame({"unique_id": ids, "ds": np.tile(days, series), "y": values.ravel()}).to_parquet(
        home / "source.parquet", index=False
    )
    sizes = "filters = 8\ndilations = [1]\nensemble = 1\nmax_steps = 2" if small else "max_steps = 150"
    (home / "job.toml").write_text(f"""name = "speed"
[source]
path = "source.parquet"
[sink]
path = "forecasts.parquet"
[model]
horizon = 14
freq = "D"
season_length = 7
preset = "fast"
{sizes}
[retrain]
on_alarm = false
[tracking]
enabled = {str(not small).lower()}
""")


def promote(home: Path, night: Any, small: bool) -> None:
    """Train the champion: in the first night, or where that must not take long, by hand."""
    answer = tcn("run", home / "job.toml", "--cutoff", night.date(), cwd=home, inside=small)
    assert answer.code == 0, (answer.code, answer.words[-2000:])
    if not answer.record["retrained"]["promoted"]:
        from pipelines.nightly.state import JobFolder

        JobFolder(home / "speed").promote(1, "to be timed", "")


if __name__ == "__main__":
    if wants_small(__doc__):
        main(series=5, rows=60, rounds=1, small=True)
    else:
        main(series=1000, rows=400, rounds=6, small=False)
