"""``tcn detect``: find anomalies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipelines.cli import options as o
from pipelines.cli.request import Ask, takes_request
from pipelines.cli.session import session

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.jobs import Detected

_SEARCH: Final = "Search"
_SHOWN: Final = 20  # anomalies


@takes_request("levels", "future", "conformal")
def detect(
    request: Ask,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Search with this saved network instead of fitting one.", rich_help_panel="Network"
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="detector.json of an earlier search with this network. Default: calibrate on the first rows "
            "that it has not learned.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            help="Chance of a false alarm in each stretch of a horizon, of one series. Default: 0.02.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option(help="The same in false alarms a year of one series.", rich_help_panel=_SEARCH),
    ] = None,
    fdr: Annotated[
        float | None,
        typer.Option(
            help="For many series: share of false ones among those reported for the same stretch of time.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    gap: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Most rows between two anomalies that are one. Default: an eighth of the horizon.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="STAMP",
            help="First row to search. Default: the first after the calibration.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the results.", rich_help_panel="Output")
    ] = Path("anomalies"),
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Find intervals in which series are not as a network expects.

    Without a bundle, a network learns from the first third of the rows and is calibrated on the next sixth;
    the newer half is searched. With one, a quarter of the rows that it has not learned is calibrated on.
    """
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import Detecting, run_detect

        how = Detecting(alpha, false_alarms, fdr, gap, calibration, start)
        with current.progress() as progress:
            detected = run_detect(request(), output, how, bundle=bundle, progress=progress)
        from pipelines.jobs.detecting import detected_record

        current.answer(detected_record(detected))
        if current.talks:
            show_detected(current.console(), detected)


def show_detected(console: Console, detected: Detected) -> None:
    """Print what was found, the strangest first.

    Args:
        console: Where to.
        detected: What the job left.
    """
    from rich.markup import escape
    from rich.table import Table

    from pipelines.jobs.detecting import decided
    from pipelines.report.anomaly_page import headline
    from pipelines.wording import number

    detection = detected.detection
    id_col = detection.columns.id_col
    found = detection.anomalies.sort_values("score", ascending=False, kind="stable")
    console.print(f"{escape(detected.name)}: {headline(detection)}", soft_wrap=True)
    if len(found):
        own = ("Series",) * (detected.n_series > 1)
        table = Table(*own, "Start", "End", "Direction", "Observed", "Expected", "p-value")
        for _, row in found.head(_SHOWN).iterrows():
            cells = [str(row["start"]), str(row["end"]), row["direction"]]
            numbers = [number(row["observed"]), number(row["expected"]), f"{row['p_value']:.2g}"]
            table.add_row(*([escape(str(row[id_col]))] if own else []), *cells, *numbers)
        console.print(table)
    if len(found) > _SHOWN:
        console.print(f"{len(found) - _SHOWN} more are in anomalies.csv.")
    console.print(f"Limit: {decided(detected.detector)['limit']}.", soft_wrap=True)
    console.print(f"Results: {detected.files[0].parent}", soft_wrap=True, markup=False)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: tcn detect traffic.csv --horizon 48 --false-alarms 6")(detect)
