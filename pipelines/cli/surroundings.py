"""``tcn datasets``, ``ui``, ``sync`` and ``doctor``: what is there, and is it in order?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options as o
from pipelines.cli.session import session


def datasets(as_json: o.Json = False, quiet: o.Quiet = False, debug: o.Debug = False) -> None:
    """List the data sets that come with the package."""
    with session(as_json, quiet, debug) as current:
        from dataclasses import asdict

        from pipelines import datasets as shipped

        known = [shipped.describe(name) for name in shipped.names()]
        current.answer({"datasets": [asdict(info) for info in known]})
        if current.talks:
            from pipelines.cli.answers import show_datasets

            show_datasets(current.console(), known)


def ui(
    output: Annotated[
        str,
        typer.Argument(
            help="Folder of a forecast's results, sqlite:///FILE, or postgresql://USER@HOST/DATABASE."
        ),
    ] = "output",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; another one if it is taken.")] = 5000,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Open the MLflow interface to the runs in a folder, on this machine only, until Ctrl-C."""
    with session(as_json, quiet, debug) as current:
        from pipelines.errors import ConfigError
        from pipelines.tracking import TrackingStore, open_ui

        def ready(address: str) -> None:
            current.answer({"command": "ui", "address": address})
            if current.talks:
                current.console().print(f"{address}\nCtrl-C ends it.", soft_wrap=True)
            sys.stdout.flush()

        database = TrackingStore.parse(output).database
        if database is not None and not database.is_file():
            raise ConfigError(
                f"The folder must hold MLflow runs. Received: {output!r}, without {database.name}; make a "
                "forecast first (tcn forecast SOURCE --output FOLDER), or name the folder of one."
            )
        if current.talks:
            current.console().print("Starting the MLflow interface ...")
        open_ui(output, port, ready)


def sync(
    output: Annotated[Path, typer.Argument(help="Folder of results beside which runs wait.")] = Path(
        "output"
    ),
    to: Annotated[
        str | None,
        typer.Option(
            metavar="STORE",
            help="Send them there instead, or with this user and password.",
            rich_help_panel="Output",
        ),
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Send MLflow runs that wait in a folder, because their server was down, to their server."""
    with session(as_json, quiet, debug) as current:
        from pipelines.errors import ConfigError
        from pipelines.tracking import UNSENT, send_all

        if not output.is_dir():
            raise ConfigError(
                f"A folder of results must exist. Received: {str(output)!r}, no such folder; name the "
                "--output of the jobs whose runs wait."
            )
        count = send_all(output / UNSENT, to)
        current.answer({"command": "sync", "sent": count})
        if current.talks:
            current.console().print(f"Runs sent: {count}")


def doctor(as_json: o.Json = False, quiet: o.Quiet = False, debug: o.Debug = False) -> None:
    """Check this installation: libraries, memory, TensorFlow, temporary files, MLflow."""
    with session(as_json, quiet, debug) as current:
        from pipelines.cli.checkup import examine

        checks = list(examine())
        healthy = all(check.ok for check in checks)
        current.answer({"ok": healthy, "checks": [check._asdict() for check in checks]})
        if current.talks:
            from pipelines.cli.answers import show_checks

            show_checks(current.console(), checks)
        else:
            for check in (check for check in checks if not check.ok):
                typer.echo(f"Error: {check.name}: {check.text}", err=True)
        if not healthy:
            raise typer.Exit(78)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: tcn datasets --json")(datasets)
    app.command(epilog="Example: tcn ui output")(ui)
    app.command(epilog="Example: tcn sync output")(sync)
    app.command(epilog="Example: tcn doctor")(doctor)
