"""``tcn register``, ``models`` and ``serve``: which network is in use, and who may ask it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options as o
from pipelines.cli.native_log import held_back
from pipelines.cli.session import session

_STORE = "Registry"

Tracking = Annotated[
    str,
    typer.Option(
        help="Where models are registered: a folder, sqlite:///FILE, or the address of an MLflow server.",
        rich_help_panel=_STORE,
    ),
]
ModelName = Annotated[str, typer.Option(help="Name of the model.", rich_help_panel=_STORE)]
Alias = Annotated[str, typer.Option(help="Name that the version is asked for by.", rich_help_panel=_STORE)]


def register_bundle(
    bundle: Annotated[Path, typer.Argument(help="Folder of a saved network.")],
    name: ModelName,
    alias: Alias = "challenger",
    tracking: Tracking = "output",
    run_id: Annotated[
        str | None, typer.Option(help="MLflow run that it came from.", rich_help_panel=_STORE)
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Make a saved network the next version of a registered model."""
    with session(as_json, quiet, debug) as current:
        from pipelines.serving import register

        with held_back():
            made = register(bundle, name, tracking, alias, run_id)
        current.answer({"command": "register", **made.to_dict()})
        if current.talks:
            typer.echo(str(made))


def models(
    promote: Annotated[
        str | None,
        typer.Option(
            metavar="NAME@ALIAS",
            help="Version, also as NAME/VERSION, to move the alias to.",
            rich_help_panel=_STORE,
        ),
    ] = None,
    rollback: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Model to move the alias back to its former version.", rich_help_panel=_STORE
        ),
    ] = None,
    alias: Annotated[str, typer.Option(help="Alias to move.", rich_help_panel=_STORE)] = "champion",
    tracking: Tracking = "output",
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """List the versions of registered models and what they are called, or choose the one in use."""
    with session(as_json, quiet, debug) as current:
        from pipelines.cli.answers import address
        from pipelines.serving import Reference, Registry

        if promote is not None and rollback is not None:
            raise typer.BadParameter("an alias is moved forth or back, not both", param_hint="--rollback")
        asked = None if promote is None else Reference.parse(promote)
        registry = Registry(tracking, must_exist=True)
        if asked is not None:
            registry.promote(asked, alias)
        elif rollback is not None:
            registry.rollback(rollback, alias)
        versions = registry.list()
        if not versions and not quiet:
            typer.echo(f"No model is registered in {address(tracking)}.", err=True)
        current.answer({"command": "models", "versions": [each.to_dict() for each in versions]})
        if current.talks:
            for each in versions:
                typer.echo(str(each))


def serve(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Folder of a saved network, or models:/NAME@ALIAS.")
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0 for any that is free.")
    ] = 8000,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Size of the largest request.")] = 32,
    stop_seconds: Annotated[
        int, typer.Option(min=0, help="Time for requests that have begun when it is told to end.")
    ] = 30,
    tracking: Tracking = "output",
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Answer requests for forecasts on this machine, until Ctrl-C."""
    with session(as_json, quiet, debug) as current:
        from pipelines.serving.server import load_app
        from pipelines.serving.server import serve as run

        def ready(address: str) -> None:
            current.answer({"command": "serve", "address": address, "model": model})
            if not as_json:
                typer.echo(address)  # with quiet too: nothing else says which port was free
            if current.talks:
                typer.echo("Ctrl-C ends it.")
            sys.stdout.flush()

        with held_back():
            loaded = load_app(model, tracking, max_megabytes * 2**20)
        run(loaded, port, ready, access_log=current.talks, stop_seconds=stop_seconds)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("register", epilog="Example: tcn register output/bundle --name sales --alias champion")(
        register_bundle
    )
    app.command(epilog="Example: tcn models --promote sales@challenger --tracking output")(models)
    app.command(epilog="Example: tcn serve output/bundle --port 8000")(serve)
