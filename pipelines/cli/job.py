"""``tcn job``: forecasts that a scheduler makes every night."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli import options as o
from pipelines.cli.night_watch import working
from pipelines.cli.session import SKIPPED, session

_JOB = "Job"

JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="TOML file of the job.")]
JOB_FILE = Path("job.toml")
Cutoff = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Last time stamp to know. Default: the last whole step before now, in UTC.",
        rich_help_panel=_JOB,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Setting that counts before the file's: retrain.every=7; may be repeated.",
        rich_help_panel=_JOB,
    ),
]
LogFormat = Annotated[
    Literal["text", "json"],
    typer.Option(help="Progress and errors in words, or a JSON object a line.", rich_help_panel="Output"),
]
Now = Annotated[
    str | None, typer.Option(metavar="TIME", hidden=True, help="Time to take for the present one.")
]

jobs = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", add_completion=False)


@jobs.callback()
def _jobs() -> None:
    """Forecast on a schedule: read, check, forecast, publish as a whole, watch, retrain."""


@jobs.command(epilog="Example: tcn job init job.toml --data sales.csv --horizon 28")
def init(
    job: JobFile = JOB_FILE,
    data: Annotated[
        str,
        typer.Option(metavar="SOURCE", help="File, folder, URL or shipped data set.", rich_help_panel=_JOB),
    ] = "bike_sharing",
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Steps ahead. Default: the data set's.", rich_help_panel=_JOB)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the job. Default: the data's.", rich_help_panel=_JOB)
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Write a job file with comments; one that is there is never replaced."""
    with session(as_json, quiet, debug) as current:
        from pipelines.cli.job_answers import next_command
        from pipelines.nightly.template import write_job

        made = write_job(job, data, horizon, name)
        shown = next_command(job, data)
        current.answer({"command": "job init", "file": str(job.absolute()), "name": made, "next": shown})
        if current.talks:
            typer.echo(f"{job}\nNext: {shown}")


@jobs.command(epilog="Example: tcn job validate job.toml --set retrain.every=7")
def validate(
    job: JobFile = JOB_FILE,
    settings: Settings = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Check a job file, the environment and --set; every mistake is named at once, with its line.

    Files and folders of this machine that the settings name are looked at; addresses and databases are not.
    """
    with (
        session(as_json, quiet, debug) as current,
        working(current, job, settings, "text", None, look=True) as work,
    ):
        from pipelines.cli.job_answers import settings_record

        record = settings_record(work.job)
        current.answer({"command": "job validate", **record})
        if current.talks:
            typer.echo(f"{job}: job {work.job.name!r} is in order. It keeps its state in {work.job.folder}")


@jobs.command(epilog="Example: tcn job run job.toml --cutoff 2024-01-31")
def run(
    job: JobFile = JOB_FILE,
    cutoff: Cutoff = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Read, check and forecast, but write nothing.", rich_help_panel=_JOB),
    ] = False,
    skip_done: Annotated[
        bool,
        typer.Option(
            "--skip-done",
            help="Leave a night that is done and published as it is, and end with 99.",
            rich_help_panel=_JOB,
        ),
    ] = False,
    settings: Settings = None,
    log_format: LogFormat = "text",
    now: Now = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Forecast one night. The same job, cutoff and settings publish the same bytes, however often."""
    with session(as_json, quiet, debug) as current:
        with working(current, job, settings, log_format, now) as work:
            work.tells = not dry_run
            known = work.begin(cutoff)
            from pipelines.nightly.running import run_night

            outcome = run_night(
                work.job, known, now=work.now, dry_run=dry_run, skip_done=skip_done, progress=work.progress
            )
            work.tell(outcome)
        from pipelines.cli.job_answers import night_record, show_night

        current.answer({"command": "job run", "dry_run": dry_run, **night_record(outcome, work.job)})
        if current.talks:
            show_night(current.console(), outcome, work.job)
        if outcome.skipped:
            raise typer.Exit(SKIPPED)


@jobs.command(epilog="Example: tcn job backfill job.toml --from 2024-01-01 --to 2024-01-31")
def backfill(
    first: Annotated[str, typer.Option("--from", metavar="TIME", help="First cutoff.", rich_help_panel=_JOB)],
    last: Annotated[str, typer.Option("--to", metavar="TIME", help="Last cutoff.", rich_help_panel=_JOB)],
    job: JobFile = JOB_FILE,
    settings: Settings = None,
    log_format: LogFormat = "text",
    now: Now = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Run every night from one cutoff to another, in their order."""
    with session(as_json, quiet, debug) as current:
        with working(current, job, settings, log_format, now, limited=False) as work:
            from pipelines.nightly.cutoffs import parse_cutoff

            span = parse_cutoff(first), parse_cutoff(last)
            from pipelines.nightly.operating import backfill as run_nights

            outcomes = run_nights(
                work.job, *span, now=work.now, progress=work.progress, begins=work.next_night
            )
        from pipelines.cli.job_answers import night_record, show_night

        nights = [night_record(outcome, work.job) for outcome in outcomes]
        current.answer({"command": "job backfill", "nights": nights})
        if current.talks:
            for outcome in outcomes:
                show_night(current.console(), outcome, work.job)


@jobs.command(epilog="Example: tcn job status job.toml --json")
def status(
    job: JobFile = JOB_FILE,
    settings: Settings = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Say what is published, who forecasts, and how the last nights went."""
    with session(as_json, quiet, debug) as current, working(current, job, settings, "text", None) as work:
        from pipelines.cli.job_answers import show_status
        from pipelines.nightly.secrets import hidden
        from pipelines.nightly.status import status as status_of

        record = hidden(status_of(work.job), work.job)
        current.answer({"command": "job status", **record})
        if current.talks:
            show_status(current.console(), record)


@jobs.command(epilog="Example: tcn job score job.toml --cutoff 2024-01-31")
def score(
    job: JobFile = JOB_FILE,
    cutoff: Cutoff = None,
    settings: Settings = None,
    log_format: LogFormat = "text",
    now: Now = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Score the stored forecasts by what was observed since."""
    with session(as_json, quiet, debug) as current:
        with working(current, job, settings, log_format, now) as work:
            known = work.begin(cutoff)
            from pipelines.nightly.operating import score_stored

            scored, alarms = score_stored(work.job, known, work.progress)
        from pipelines.cli.job_answers import score_record, show_scores

        record = score_record(scored, alarms)
        current.answer({"command": "job score", **record})
        if current.talks:
            show_scores(current.console(), record)


@jobs.command(epilog="Example: tcn job rollback job.toml")
def rollback(
    job: JobFile = JOB_FILE,
    settings: Settings = None,
    log_format: LogFormat = "text",
    now: Now = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Let the version before the champion forecast again, from the last night on."""
    with session(as_json, quiet, debug) as current:
        with working(current, job, settings, log_format, now) as work:
            from pipelines.nightly.operating import rollback as go_back

            moved, outcome = go_back(work.job, now=work.now, progress=work.progress)
        from pipelines.cli.job_answers import night_record, show_night

        night = None if outcome is None else night_record(outcome, work.job)
        current.answer({"command": "job rollback", **moved, "night": night})
        if current.talks:
            typer.echo(f"Version {moved['to']} forecasts in place of version {moved['from']}.")
            if outcome is not None:
                show_night(current.console(), outcome, work.job)


@jobs.command(epilog="Example: tcn job retrain job.toml --cutoff 2024-01-31")
def retrain(
    job: JobFile = JOB_FILE,
    cutoff: Cutoff = None,
    settings: Settings = None,
    log_format: LogFormat = "text",
    now: Now = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Train a challenger, and promote it if it is better."""
    with session(as_json, quiet, debug) as current:
        with working(current, job, settings, log_format, now) as work:
            known = work.begin(cutoff)
            from pipelines.nightly.operating import retrain_now

            made = retrain_now(work.job, known, work.progress)
        current.answer({"command": "job retrain", **made})
        if current.talks:
            verb = "promoted" if made["promoted"] else "not promoted"
            typer.echo(f"Version {made['version'] or '-'} is {verb}: {made['reason']}")


@jobs.command(epilog="Example: tcn job schema --json")
def schema(as_json: o.Json = False, quiet: o.Quiet = False, debug: o.Debug = False) -> None:
    """Print the JSON schema of job files, for editors that know TOML."""
    with session(as_json, quiet, debug) as current:
        import json

        from pipelines.nightly import JobSettings

        record = JobSettings.model_json_schema()
        current.answer(record)
        if current.talks:
            typer.echo(json.dumps(record, indent=2, ensure_ascii=False))


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(jobs, name="job")
