"""The command line as a whole: its commands, and what holds for all of them."""

from __future__ import annotations

import gc
from itertools import chain, pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipelines import __version__
from pipelines.cli import (
    detecting,
    explaining,
    forecasting,
    job,
    models,
    reporting,
    serving,
    surroundings,
    tuning,
)
from pipelines.cli.session import USAGE_ERROR

_MAY_BE_EMPTY = ("--levels", "--against")  # where nothing means none


class Commands(TyperGroup):
    """Ends with 64 (EX_USAGE of sysexits.h) where the command line cannot be understood, not with 2."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command."""
        try:
            return super().main(*args, **kwargs)
        except SystemExit as end:
            raise SystemExit(USAGE_ERROR if end.code == 2 else end.code) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; an option without a text is refused: for a path it would be the current folder."""
        joined = ((word[:-1], "") for word in args if word.startswith("--") and word.endswith("="))
        for option, text in () if ctx.resilient_parsing else chain(pairwise(args), joined):
            if not text and option.startswith("-") and option not in _MAY_BE_EMPTY:
                raise typer.BadParameter(
                    f"{option} must have a value. Received: nothing; is a variable of the shell not set?"
                )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="tcn",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: tcn forecast bike_sharing",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tcn-forecasting {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Probabilistic forecasts of time series from temporal convolution networks."""


for module in (forecasting, models, explaining, detecting, reporting, tuning, job, serving, surroundings):
    module.register(app)


def main() -> None:
    """Run the command ``tcn``; the console script calls it.

    Raises:
        SystemExit: Always, with 0 for done, 64 wrong usage, 65 bad data, 70 unexpected error, 75 try again
            later, 78 wrong settings, 130 Ctrl-C, 143 SIGTERM.
    """
    try:
        app()
    finally:
        gc.freeze()  # the end of Python need not look for cycles in all that libraries hold: half a second
