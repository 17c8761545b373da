"""``tcn forecast``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli import options as o
from pipelines.cli.parsing import parse_names
from pipelines.cli.request import Ask, takes_request
from pipelines.cli.session import session


@takes_request()
def forecast(
    request: Ask,
    n_windows: o.NWindows = None,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Train again on all rows, then forecast.", rich_help_panel="Network"),
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the results.", rich_help_panel="Output")
    ] = Path("output"),
    certificate: o.Certificate = False,
    against: o.Against = None,
    file_format: Annotated[
        Literal["csv", "parquet", "both"],
        typer.Option("--format", help="Files to write forecasts to.", rich_help_panel="Output"),
    ] = "both",
    tracking_uri: o.TrackingUri = None,
    tracking_strict: o.TrackingStrict = False,
    system_metrics: o.SystemMetrics = False,
    register: o.Register = None,
    track: Annotated[
        bool,
        typer.Option(
            "--track/--no-track",
            help="Keep an MLflow run, by default in the output folder.",
            rich_help_panel="Output",
        ),
    ] = True,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Fit, test on held-out rows, and forecast: tables, a report and an MLflow run."""
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import Backtesting, run_forecast

        formats = ("csv", "parquet") if file_format == "both" else (file_format,)
        how = Backtesting(certificate=certificate, against=parse_names(against))
        store = (tracking_uri or output) if track else None
        with current.progress() as progress:
            outcome = run_forecast(
                request(), output, refit=refit, n_windows=n_windows, formats=formats, store=store,
                strict=tracking_strict, system_metrics=system_metrics, how=how, register=register,
                progress=progress,
            )  # fmt: skip
        from pipelines.cli.answers import forecast_record, show_forecast

        current.answer(forecast_record(outcome, store))
        if current.talks:
            show_forecast(current.console(), outcome, store)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    epilog = "Example: tcn forecast sales.csv --horizon 28 --output output"
    app.command(epilog=epilog)(forecast)
