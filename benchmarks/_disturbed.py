"""The job that benchmarks disturb: a few daily series, and what must hold of each of its nights."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from _nights import Answer, read, wrong

FIRST, HORIZON, LEVELS = "2024-07-01", 7, (80,)
SERIES = ("a", "b", "c")
Run = Callable[..., Answer]  # runs `tcn job`, in this process or in another one


def make(home: Path, small: bool) -> None:
    """Write a job and its source; a small one leaves it to seasonal naive, whom nobody has to train."""
    import numpy as np
    import pandas as pd

    home.mkdir()
    days = pd.date_range("2024-01-01", periods=420)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(SERIES, len(days)),
            "ds": np.tile(days, len(SERIES)),
            "y": rng.normal(100, 10, len(days) * len(SERIES)),
        }
    )
    frame.to_parquet(home / "source.parquet")
    (home / "job.toml").write_text(f"""name = "state"
[source]
path = "source.parquet"
[sink]
path = "forecasts.parquet"
[model]
horizon = {HORIZON}
freq = "D"
season_length = 7
levels = {list(LEVELS)}
lookback = 28
preset = "fast"
max_steps = 60
ensemble = 1
[watch]
nights = 3
[retrain]
on_alarm = false
[tracking]
enabled = {str(not small).lower()}
[limits]
first_wait = 0.01
""")
    if small:
        from pipelines.nightly.state import JobFolder

        JobFolder(home / "state").promote(None, "", "")


def cutoff(number: int) -> Any:
    """The last day that a night knows."""
    import pandas as pd

    return pd.Timestamp(FIRST) + pd.Timedelta(days=number)


def arguments(number: int, home: Path | None = None) -> tuple[str, ...]:
    """What is said to ``tcn job`` for a night."""
    file = "job.toml" if home is None else str(home / "job.toml")
    return (
        "run",
        file,
        "--cutoff",
        str(cutoff(number).date()),
        "--now",
        f"{cutoff(number + 1).date()}T03:00",
    )


def night(run: Run, home: Path, number: int) -> Answer:
    """Run a night to its end, which must be a good one."""
    answer = run(*arguments(number, home), cwd=home)
    assert answer.code == 0, (answer.code, answer.record, answer.words[-2000:])
    return answer


def problem(home: Path, number: int) -> str:
    """What is wrong with what is published; empty if it is the forecast of that night."""
    import pandas as pd

    found = read(home / "forecasts.parquet")
    if found is None or found.manifest is None:
        return "nothing whole is published"
    after = {cutoff(number): pd.date_range(cutoff(number + 1), periods=HORIZON).tolist()}
    return wrong(found.frame, after, LEVELS, SERIES)


def digest(path: Path) -> str:
    """SHA-256 of a file; empty if there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def running(home: Path) -> int:
    """How many MLflow runs have not ended."""
    database = home / "state" / "tracking" / "mlflow.db"
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        [[count]] = connection.execute("SELECT COUNT(*) FROM runs WHERE status = 'RUNNING'")
    return int(count)


def drafts(home: Path) -> list[str]:
    """Names of files that were begun and never finished."""
    return [str(path.relative_to(home)) for path in home.rglob(".*tmp*") if path.parent.name != "tracking"]


def label(home: Path, number: int) -> Path:
    """Where the forecasts of a night are kept."""
    [place] = (home / "state" / "nights").glob(f"{cutoff(number):%Y%m%d}*")
    return place / "forecasts.parquet"
