"""``tcn explain``: where forecasts come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipelines.cli import options as o
from pipelines.cli.request import Ask, takes_request
from pipelines.cli.session import session

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.jobs.explaining import Explained

_EXPLAINED = "What to explain"
_SHOWN: Final = 5


@takes_request("source", "name")
def explain(
    request: Ask,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A .csv or .parquet file, or a data set (see: tcn datasets). Default: the bundle's history.",
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Explain this saved network instead of fitting one to all rows.", rich_help_panel="Network"
        ),
    ] = None,
    series: Annotated[
        list[str] | None,
        typer.Option(
            help="Id of a series; may be repeated. Default: all, or eight of many.",
            rich_help_panel=_EXPLAINED,
        ),
    ] = None,
    cutoff: Annotated[
        str | None,
        typer.Option(
            metavar="STAMP",
            help="Explain the forecast that was made here. Default: that after the last row.",
            rich_help_panel=_EXPLAINED,
        ),
    ] = None,
    quantile: Annotated[
        float,
        typer.Option(help="Quantile to explain; 0.5 is the forecast.", rich_help_panel=_EXPLAINED),
    ] = 0.5,
    width: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Steps of the past to hide together. Default: 1, more of long look-backs.",
            rich_help_panel=_EXPLAINED,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the results.", rich_help_panel="Output")
    ] = Path("explanation"),
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Say which past steps, covariates and parts of the network a forecast comes from.

    Of a saved network (--bundle), on its own history or on other data; or of one that is fitted to the data
    first, and saved beside the explanation.
    """
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs.explaining import run_explain

        if source is None and bundle is None:
            raise typer.BadParameter("name data as SOURCE, or a saved network with --bundle, or both")
        asked = request(source=source or "")
        with current.progress() as progress:
            outcome = run_explain(
                None if source is None else asked, output, bundle=bundle, future=asked.future, series=series,
                cutoff=cutoff, quantile=quantile, width=width, progress=progress,
            )  # fmt: skip
        current.answer(_record(outcome, output))
        if current.talks:
            _show(current.console(), outcome, output)


def _record(outcome: Explained, output: Path) -> dict[str, Any]:
    """The answer for machines."""
    return {
        "command": "explain",
        "name": outcome.name,
        "output": str(output.absolute()),
        "files": {path.name: str(path) for path in outcome.files},
        **outcome.explanation.to_dict(),
        "seconds": dict(outcome.seconds),
    }


def _show(console: Console, outcome: Explained, output: Path) -> None:
    """Print what matters most, and where everything lies."""
    from rich.markup import escape
    from rich.table import Table

    from pipelines.cli.answers import near
    from pipelines.jobs.explaining import PAGE
    from pipelines.wording import MISSING, percent

    found = outcome.explanation

    def print_table(title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        table = Table(heads[0], title=title, title_justify="left")
        for head in heads[1:]:
            table.add_column(head, justify="right")
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)

    far = found.by_distance().sort_values("gradient", ascending=False, kind="stable").head(_SHOWN)
    print_table(
        "Past steps that matter most, by how far they lie before the step that is forecast",
        ("Before it", "Integrated gradients", "Change when hidden"),
        [(row.label, percent(row.gradient), percent(row.hidden)) for row in far.itertuples()],
    )
    if len(found.covariates):
        print_table(
            "Covariates: how far forecasts move without them, of the mean distance from the mean",
            ("Covariate", "Role", "Change", "Integrated gradients"),
            [
                (str(row.covariate), str(row.role), percent(row.hidden),
                 MISSING if row.gradient != row.gradient else percent(row.gradient))
                for row in found.by_covariate().iloc[1:].itertuples()
            ],
        )  # fmt: skip
    parts = found.by_part().sort_values("share", ascending=False, kind="stable").head(_SHOWN)
    print_table(
        "Largest parts of the network's answer",
        ("Part", "Share"),
        [(str(row.part), percent(row.share)) for row in parts.itertuples()],
    )
    for line in found.highlights():
        console.print(line, soft_wrap=True, markup=False)
    console.print(f"Explanation: {near(output / PAGE)}", soft_wrap=True, markup=False)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: tcn explain --bundle sales-model --series store-7 --output why")(explain)
