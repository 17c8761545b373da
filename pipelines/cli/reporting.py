"""``tcn report``: the report of earlier results, or of a saved network on data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options as o
from pipelines.cli.session import session


def report(
    source: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Results of tcn forecast, or a saved network.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Page to write, .html.", rich_help_panel="Output")
    ] = Path("report.html"),
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Report on these data instead: a file or a data set. Default: those of the folder.",
            rich_help_panel="Data",
        ),
    ] = None,
    future: o.Future = None,
    static: o.Static = None,
    n_windows: o.NWindows = None,
    certificate: o.Certificate = False,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Write the report of a forecast again, or of what a saved network makes of other data.

    One page that loads nothing from elsewhere. Nothing is trained; results are shown as they lie in their
    folder, and other data are forecast by the network that lies there.
    """
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import run_report

        with current.progress() as progress:
            made = run_report(
                source, output, data=data, future=future, static=static, n_windows=n_windows,
                certificate=certificate, progress=progress,
            )  # fmt: skip
        from pipelines.cli.answers import report_record, show_report

        current.answer(report_record(made))
        if current.talks:
            show_report(current.console(), made)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: tcn report output --output forecast.html")(report)
