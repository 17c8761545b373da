"""Whether a study survives kills: `kill -9` at random moments, then the same command again, until it ends.

A command (`tcn tune`) is killed again and again at random moments of its run, until it has come to its end in
spite of that; then another study is. The budget must be met exactly, no trial counted twice, and none left
RUNNING, nor any MLflow run; the database opens; the trials must be those of a run that nobody killed. With
`--small`, a stand-in for training takes a few milliseconds a trial, and there is no MLflow.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _timing import row, wants_small

_SPACE = (
    'filters = [4, 8]\nhead = ["quantile", "normal"]\nlearning_rate = {low = 1e-3, high = 1e-2, log = true}\n'
)


def main(kills: int, trials: int, small: bool) -> None:
    """Kill, go on, and compare with a study that was left alone."""
    chance = random.Random(0)
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        began = time.monotonic()
        run(whole, trials, small)
        usual = time.monotonic() - began
        expected = trials_of(whole)
        killed = studies = 0
        while killed < kills:
            output, studies = Path(folder) / f"killed {studies}", studies + 1
            while killed < kills:
                # Most of a short run is its start, in which there is little to harm.
                started = small or chance.random() < 0.7
                if not run(output, trials, small, chance.uniform(0, usual / (20 if small else 2)), started):
                    break
                killed += 1
            run(output, trials, small)
            found = trials_of(output)
            assert found == expected, f"other trials:\n{found}\n{expected}"
            assert [trial["number"] for trial in found] == list(range(trials))
            assert all(trial["status"] == "COMPLETED" for trial in found)
            if not small:
                check_database(output / "mlflow.db", trials)
        row(f"{killed} kills amid {studies} studies", f"{trials} trials each", 1.0, "of the budget")


def run(output: Path, trials: int, small: bool, seconds: float | None = None, started: bool = False) -> bool:
    """Run the study, and say whether it was killed.

    It is, if told to, after some seconds; of the process, or since the study has written something down.
    """
    own = [sys.executable, __file__, "--study", str(output), str(trials)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    before = newest(output)
    with (output.parent / "words").open("w") as words:
        process = subprocess.Popen(
            own if small else tune(output, trials),
            stdout=words, stderr=words, env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        while started and newest(output) == before and process.poll() is None:
            time.sleep(0.002)
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its workers, too
        process.wait()
        return True
    assert process.returncode == 0, (output.parent / "words").read_text()
    return False


def newest(output: Path) -> str:
    """Name of the newest snapshot of a study."""
    return max((path.name for path in output.glob(".studies/*/state-*.json")), default="")


def tune(output: Path, trials: int) -> list[str]:
    """Return the command of a study that trains for a few steps."""
    space, data = output.parent / "space.toml", output.parent / "data.csv"
    space.write_text(_SPACE)
    rows = (f"a,2024-{1 + day // 28:02d}-{1 + day % 28:02d},{10 + day % 7}" for day in range(56))
    data.write_text("\n".join(("unique_id,ds,y", *rows)))
    return [
        *(sys.executable, "-m", "pipelines.cli", "tune", str(data), "--freq", "D", "--horizon", "3"),
        *("--method", "random", "--max-trials", str(trials), "--folds", "1", "--max-steps", "2"),
        *("--space", str(space), "--output", str(output), "--quiet"),
    ]


def trials_of(output: Path) -> list[dict[str, Any]]:
    """Trials of the only study in a folder, without the time that they took."""
    from pipelines.tuning.state import StudyFolder

    [study] = (path for path in (output / ".studies").iterdir() if path.is_dir())
    state = StudyFolder(study).load()
    assert state is not None
    for trial in state["trials"]:
        trial["seconds"] = None
        for fold in trial["folds"]:
            fold["seconds"] = fold["epochs"] = None
    return list(state["trials"])


def check_database(path: Path, trials: int) -> None:
    """See that the MLflow database opens, and holds each trial once, none RUNNING."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        states = dict(database.execute("SELECT status, COUNT(*) FROM runs GROUP BY status").fetchall())
        query = "SELECT COUNT(DISTINCT value), COUNT(*) FROM tags WHERE key = 'trial_id'"
        distinct, count = database.execute(query).fetchone()
    assert "RUNNING" not in states, states
    assert distinct == count == trials + 1, (distinct, count)  # and the default settings
    row("runs in MLflow", json.dumps(states))


def study(output: Path, trials: int) -> None:
    """Run a study of a stand-in for training; in a process of its own, that will be killed."""
    import numpy as np
    import pandas as pd

    from pipelines import Forecaster, Panel
    from pipelines.config import Settings
    from pipelines.tuning import SearchSpace
    from pipelines.tuning.budget import Budget
    from pipelines.tuning.executing import Inline
    from pipelines.tuning.folds import RollingOrigins
    from pipelines.tuning.journal import Journal
    from pipelines.tuning.oracles import Search
    from pipelines.tuning.running import Running
    from pipelines.tuning.state import study_folder
    from pipelines.tuning.study import Study
    from pipelines.tuning.trials import Outcome

    class Numbered(Search):
        """Proposes numbers in their order, without keras-tuner."""

        def propose(self, trials: Any, events: Any) -> dict[str, Any]:
            return {"filters": 1 + len(trials)}

    class StandIn(Inline):
        """Takes a few milliseconds for a trial."""

        def submit(self, function: Any, *arguments: Any) -> Any:
            time.sleep(0.005)
            score = 1.0 + arguments[1]["filters"] if arguments[1]["filters"] != "auto" else 1.0
            return super().submit(Outcome, score)

    panel = Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": np.arange(60), "y": np.arange(60.0)}), 1)
    forecaster = Forecaster(horizon=2, season_length=4)
    settings = Settings.of(forecaster.get_params())
    search = Numbered(SearchSpace({"filters": [1, 2]}), "random", 0, settings, 1)
    origins = RollingOrigins.of(panel, settings, 1)
    studied = Study(panel, forecaster, settings, search, origins, "wql", 1, "study")
    with study_folder(output / ".studies" / studied.study_id) as folder:
        journal = Journal(folder, studied.identity)
        Running(studied, journal, Budget(trials), StandIn(), 1, (), time.monotonic).run()


if __name__ == "__main__":
    if "--study" in sys.argv:
        study(Path(sys.argv[2]), int(sys.argv[3]))
    elif wants_small(__doc__):
        main(kills=4, trials=40, small=True)
    else:
        main(kills=20, trials=10, small=False)
