"""``tcn tune``: search for hyper-parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli import options as o
from pipelines.cli.request import Ask, takes_request
from pipelines.cli.session import session

WORKERS: str | None = "processes"
"""What runs trials, also one at a time: memory that TensorFlow keeps ends with a process."""
_SEARCH = "Search"


@takes_request("source", "future")
def tune(
    request: Ask,
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="A .csv or .parquet file, or a data set (see: tcn datasets)."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="The same as an option.", rich_help_panel="Data")
    ] = None,
    method: Annotated[
        Literal["random", "bayesian", "hyperband"],
        typer.Option(help="How to choose what to try.", rich_help_panel=_SEARCH),
    ] = "bayesian",
    max_trials: Annotated[int, typer.Option(min=1, help="Trials at most.", rich_help_panel=_SEARCH)] = 20,
    budget_minutes: Annotated[
        float | None,
        typer.Option(help="Minutes of the search at most. Default: no limit.", rich_help_panel=_SEARCH),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(min=1, help="End after so many trials without gain.", rich_help_panel=_SEARCH),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="TOML file of the space. Default: from the data.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    folds: Annotated[int, typer.Option(min=1, help="Trainings of a trial.", rich_help_panel=_SEARCH)] = 3,
    objective: Annotated[
        Literal["wql", "mase", "mae", "rmse"],
        typer.Option(help="Metric to minimize.", rich_help_panel=_SEARCH),
    ] = "wql",
    workers: Annotated[
        int, typer.Option(min=1, help="Trials at the same time.", rich_help_panel=_SEARCH)
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run trials on a Ray cluster, host:port; local for one of this machine.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the results.", rich_help_panel="Output")
    ] = Path("tuned"),
    tracking_uri: o.TrackingUri = None,
    tracking_strict: o.TrackingStrict = False,
    register: o.Register = None,
    track: Annotated[
        bool, typer.Option("--track/--no-track", help="Keep MLflow runs.", rich_help_panel="Output")
    ] = True,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Search for hyper-parameters on rolling origins, and fit the best to all rows.

    The last windows are held out of the search; on them the best is compared with the default settings. After
    Ctrl-C or a kill, the same command goes on with the search.
    """
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import Searching, run_tune

        if (source is None) == (data is None):
            raise typer.BadParameter("the data are named once, as SOURCE or with --data")
        how = Searching(
            space or "auto", method, max_trials, budget_minutes, folds, objective, patience, workers,
            WORKERS if ray is None else "ray", None if ray in (None, "local") else ray,
        )  # fmt: skip
        store = (tracking_uri or output) if track else None
        with current.progress() as progress:
            outcome = run_tune(
                request(source=source or data), output, how,
                store=store, strict=tracking_strict, register=register, progress=progress,
            )  # fmt: skip
        from pipelines.cli.tuned_answers import show_tuned, tuned_record

        current.answer(tuned_record(outcome, store))
        if current.talks:
            show_tuned(current.console(), outcome, store)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: tcn tune sales.csv --horizon 28 --budget-minutes 30")(tune)
