"""What ``tcn tune`` answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from rich.table import Table

from pipelines.cli.answers import near, show_places, tracked_record
from pipelines.jobs.tuning import BUNDLE, PAGE, STUDY, TRIALS, study_record
from pipelines.wording import counted, percent

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.jobs import TunedOutcome
    from pipelines.tuning.comparing import HeldOutScores

_SHOWN: Final = 8  # trials
_METRICS: Final = {"mae": "MAE", "mase": "MASE", "wql": "WQL"}


def tuned_record(outcome: TunedOutcome, store: str | Path | None) -> dict[str, Any]:
    """Answer of ``tcn tune`` for machines.

    Args:
        outcome: What the job left.
        store: Where its MLflow runs are.

    Returns:
        Plain data.
    """
    record = study_record(outcome.tuned)
    for trial in (*record["trials"], record["default"], record["best"]):
        trial["folds"] = [{"cutoffs": fold["cutoffs"], "metrics": fold["metrics"]} for fold in trial["folds"]]
    return {
        "command": "tune",
        **record,
        "files": {path.name: str(path) for path in outcome.files},
        **tracked_record(outcome, store),
        "seconds": dict(outcome.seconds),
    }


def show_tuned(console: Console, outcome: TunedOutcome, store: str | Path | None) -> None:
    """Print the trials, what mattered, and whether the best beats the default.

    Args:
        console: Where to.
        outcome: What the job left.
        store: Where its MLflow runs are.
    """
    tuned, record = outcome.tuned, outcome.tuned.record
    done = sorted((t for t in record.trials if t.score is not None), key=lambda t: (t.score, t.number))
    failed = len(record.trials) - len(done)
    title = f"{escape(record.name)}: {counted(len(record.trials), 'trial')}, ended by {tuned.spent}"
    table = Table("Trial", record.objective.upper(), "Seconds", "Values", title=title)
    for trial in done[:_SHOWN]:
        style = "cyan" if trial.number == tuned.best.number else None
        values = ", ".join(f"{name}={value}" for name, value in trial.values.items())
        row = (str(trial.ordinal), f"{trial.score:.4g}", f"{trial.seconds:.0f}", escape(values))
        table.add_row(*row, style=style)
    if record.default is not None and record.default.score is not None:
        table.add_row("default", f"{record.default.score:.4g}", f"{record.default.seconds:.0f}", "")
    console.print(table)
    if failed:
        _say(console, f"{counted(failed, 'trial')} failed; {STUDY} says why.")
    if tuned.importance:
        shares = ", ".join(f"{name} {percent(share, 0)}" for name, share in tuned.importance.items())
        _say(console, f"Importance: {shares}.")
    _show_held_out(console, tuned.held_out)
    _say(console, record.verdict, "bold green" if tuned.held_out.beats else "bold yellow")
    files = {path.name: near(path) for path in outcome.files}
    places = {"Model": files[BUNDLE], "Page": files[PAGE], "Trials": files[TRIALS]}
    if outcome.registered is not None:
        places["Registered"] = str(outcome.registered)
    show_places(console, places, store)


def _show_held_out(console: Console, held_out: HeldOutScores) -> None:
    overall = held_out.scores.overall
    coverage = [name for name in overall.columns if str(name).startswith("coverage_")]
    table = Table("Model", title=f"Trained in full: {counted(held_out.n_windows, 'held-out window')}")
    for heading in (*_METRICS.values(), *(f"Coverage {name.split('_')[1]} %" for name in coverage)):
        table.add_column(heading, justify="right")
    for model, row in overall.iterrows():
        numbers = (f"{row[name]:.4g}" for name in _METRICS)
        table.add_row(str(model), *numbers, *(percent(row[name], 0) for name in coverage))
    console.print(table)


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, soft_wrap=True, markup=False)
