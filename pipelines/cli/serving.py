"""``tcn register``, ``models`` and ``serve``: which network is in use, and who may ask it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options as o
from pipelines.cli.session import session

if TYPE_CHECKING:
    from pipelines.serving import Registered

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

models_app = typer.Typer(
    name="models",
    no_args_is_help=True,
    help="See which versions of registered models there are, and choose the one in use.",
)


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

        made = register(bundle, name, tracking, alias, run_id)
        current.answer({"command": "register", **_record(made)})
        if current.talks:
            typer.echo(f"{made.name} version {made.version}: {', '.join(made.aliases)}")


@models_app.command("list", epilog="Example: tcn models list --tracking output")
def list_models(
    tracking: Tracking = "output",
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """List all versions, and what they are called."""
    with session(as_json, quiet, debug) as current:
        from pipelines.serving import Registry

        versions = Registry(tracking).list()
        current.answer({"command": "models list", "versions": [_record(each) for each in versions]})
        if current.talks:
            for each in versions:
                typer.echo(f"{each.name} version {each.version}: {', '.join(each.aliases) or '-'}")


@models_app.command(epilog="Example: tcn models promote sales@challenger")
def promote(
    model: Annotated[str, typer.Argument(metavar="NAME@ALIAS", help="The version, or NAME/VERSION.")],
    alias: Alias = "champion",
    tracking: Tracking = "output",
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Move an alias to a version."""
    with session(as_json, quiet, debug) as current:
        from pipelines.serving import Reference, Registry

        made = Registry(tracking).promote(Reference.parse(model), alias)
        current.answer({"command": "models promote", **_record(made)})
        if current.talks:
            typer.echo(f"{made.name}@{alias} is version {made.version}")


@models_app.command(epilog="Example: tcn models rollback sales")
def rollback(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    alias: Alias = "champion",
    tracking: Tracking = "output",
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Move an alias back to the version that it stood for before."""
    with session(as_json, quiet, debug) as current:
        from pipelines.serving import Registry

        made = Registry(tracking).rollback(name, alias)
        current.answer({"command": "models rollback", **_record(made)})
        if current.talks:
            typer.echo(f"{made.name}@{alias} is version {made.version}")


def _record(made: Registered) -> dict[str, object]:
    return {
        "name": made.name,
        "version": made.version,
        "aliases": list(made.aliases),
        "run_id": made.run_id,
        "sha256": made.digest,
    }


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("register", epilog="Example: tcn register output/bundle --name sales --alias champion")(
        register_bundle
    )
    app.add_typer(models_app)
