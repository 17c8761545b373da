"""What the commands of ``tcn job`` answer: sentences for people, one record for machines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from pipelines.cli.answers import near
from pipelines.nightly.logs import run_key
from pipelines.nightly.secrets import hidden, hide
from pipelines.wording import number

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.nightly import JobSettings
    from pipelines.nightly.afterwards import Outcome
    from pipelines.nightly.records import Finding
    from pipelines.nightly.scored import Scored

_NIGHTS = 7  # shown to people


def next_command(file: Path, data: str) -> str:
    """Say how a new job is run for the first time.

    Args:
        file: Job file.
        data: Its source; the shipped data sets ended years ago, so they need a cutoff.

    Returns:
        A command; of data of one's own, whose frequency is not known before the first training, with TIME for
        the last time stamp to know.
    """
    from pipelines import datasets

    if data not in datasets.names():
        return f"tcn job run {near(file)} --cutoff TIME"
    return f"tcn job run {near(file)} --cutoff {datasets.load(data)['ds'].max().isoformat()}"


def settings_record(job: JobSettings) -> dict[str, Any]:
    """Settings for machines, without secrets.

    Args:
        job: Settings.

    Returns:
        Plain data.
    """
    record = hidden(job.model_dump(mode="json"), job)
    return {"fingerprint": job.fingerprint, "settings": record}


def night_record(outcome: Outcome, job: JobSettings) -> dict[str, Any]:
    """A night for machines.

    Args:
        outcome: What came of it.
        job: Settings.

    Returns:
        Plain data.
    """
    night = outcome.night
    record = {
        "job": job.name,
        "cutoff": str(night.cutoff),
        "run_id": run_key(job, night.cutoff),
        "mlflow_run_id": outcome.run_id,
        "published": outcome.published,
        "again": outcome.again,
        "skipped": outcome.skipped,
        "champion": night.record["champion"],
        "models": dict(night.models),
        "rows": night.rows,
        "series": night.series,
        "findings": [asdict(finding) for finding in outcome.findings],
        "retrained": None if outcome.retrained is None else asdict(outcome.retrained),
        "seconds": outcome.seconds,
    }
    return dict(hidden(record, job))


def show_night(console: Console, outcome: Outcome, job: JobSettings) -> None:
    """Print what came of a night.

    Args:
        console: Where to.
        outcome: What came of it.
        job: Settings.
    """
    night = outcome.night
    who = ", ".join(f"{name} ({count:,} series)" for name, count in night.models.items())
    place = hide(job.sink.path or f"table {job.sink.table}", job)
    state = f"published in {place}" if outcome.published else "not published"
    again = ", as before" if outcome.again else ""
    left = ", and left as it is" if outcome.skipped else ""
    _say(console, f"{job.name}, cutoff {night.cutoff}: {who}; {state}{again}{left}.")
    for finding in outcome.findings:
        _say(console, f"  {finding.check}: {hide(finding.message, job)}", "yellow")
    if outcome.retrained is not None:
        _say(console, f"  retrained: {outcome.retrained.reason}")


def show_status(console: Console, record: Mapping[str, Any]) -> None:
    """Print how a job is doing.

    Args:
        console: Where to.
        record: What ``status`` returns.
    """
    champion = record["champion"]
    who = "SeasonalNaive forecasts" if champion is None else f"version {champion} is the champion"
    _say(console, f"{record['job']}: {who}. State: {near(Path(record['folder']))}")
    published = record["published"]
    made_by = published.get("models", {}) if published else {}
    by = ", ".join(f"{name} ({count:,} series)" for name, count in made_by.items())
    _say(console, f"Published: {published['cutoff']}, by {by}" if published else "Published: nothing whole")
    if record["failure"]:
        _say(console, f"The last run failed: {record['failure']['message']}", "bold red")
    for text in record["damaged"]:
        _say(console, text, "yellow")
    if record["nights"]:
        table = Table("Cutoff", "Series", "Models", "Odd")
        for night in record["nights"][:_NIGHTS]:
            odd = ", ".join(dict.fromkeys(finding["check"] for finding in night["findings"]))
            row = (night["cutoff"], f"{night['series']:,}", ", ".join(night["models"]), odd)
            table.add_row(*map(escape, row))
        console.print(table)


def score_record(scored: Scored, alarms: Sequence[Finding]) -> dict[str, Any]:
    """Scores of stored forecasts for machines.

    Args:
        scored: The scores.
        alarms: What they raise.

    Returns:
        Plain data.
    """
    figures = {name: value if math.isfinite(value) else None for name, value in scored.figures().items()}
    return {"figures": figures, "alarms": [asdict(alarm) for alarm in alarms]}


def show_scores(console: Console, record: Mapping[str, Any]) -> None:
    """Print scores of stored forecasts.

    Args:
        console: Where to.
        record: What ``score_record`` returns.
    """
    if not record["figures"]:
        _say(console, "No stored forecast can be scored yet.")
        return
    table = Table("Figure")
    table.add_column("Value", justify="right")
    for name, value in record["figures"].items():
        table.add_row(escape(name), number(math.nan if value is None else value))
    console.print(table)
    for alarm in record["alarms"]:
        _say(console, f"{alarm['check']}: {alarm['message']}", "bold yellow")


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, soft_wrap=True, markup=False)
