"""Arguments and options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.jobs import Request

_DATA = "Data"
_NETWORK = "Network"
_OUTPUT = "Output"


class Preset(StrEnum):
    """How much training to spend."""

    fast = "fast"
    default = "default"
    best = "best"


class Format(StrEnum):
    """Files to write forecasts to."""

    csv = "csv"
    parquet = "parquet"
    both = "both"


Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A .csv or .parquet file, or a data set (see: tcn datasets).")
]
Horizon = Annotated[
    int | None,
    typer.Option(min=1, help="Steps ahead. Default: the data set's, or one season.", rich_help_panel=_DATA),
]
Freq = Annotated[
    str | None,
    typer.Option(help="Step between stamps: h, D, MS, 15min, 1. Default: inferred.", rich_help_panel=_DATA),
]
SeasonLength = Annotated[
    int | None,
    typer.Option(min=1, help="Steps in a season. Default: from the frequency.", rich_help_panel=_DATA),
]
IdCol = Annotated[str, typer.Option(help="Column of series ids.", rich_help_panel=_DATA)]
TimeCol = Annotated[str, typer.Option(help="Column of time stamps.", rich_help_panel=_DATA)]
TargetCol = Annotated[str, typer.Option(help="Column of values.", rich_help_panel=_DATA)]
Name = Annotated[
    str | None, typer.Option(help="What to call the data. Default: its own name.", rich_help_panel=_DATA)
]
Levels = Annotated[
    str, typer.Option(help="Interval levels in percent, separated by commas.", rich_help_panel=_NETWORK)
]
OwnLevels = Annotated[
    str | None,
    typer.Option(help="Interval levels in percent. Default: the bundle's.", rich_help_panel=_NETWORK),
]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same forecast.", rich_help_panel=_NETWORK)]
PresetOption = Annotated[
    Preset, typer.Option("--preset", help="How much training to spend.", rich_help_panel=_NETWORK)
]
MaxSteps = Annotated[
    int | None,
    typer.Option(min=0, help="Training steps. Default: from the data.", rich_help_panel=_NETWORK),
]
NWindows = Annotated[
    int | None,
    typer.Option(min=1, help="Past windows to test on. Default: from the data.", rich_help_panel=_NETWORK),
]
Bundle = Annotated[Path, typer.Option(help="Folder of the fitted network.", rich_help_panel=_OUTPUT)]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on standard output.", rich_help_panel=_OUTPUT)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=_OUTPUT)
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.", rich_help_panel=_OUTPUT)]


def parse_levels(text: str) -> tuple[float, ...]:
    """Read interval levels.

    Args:
        text: Numbers with commas between them.

    Returns:
        The numbers.

    Raises:
        typer.BadParameter: If they are none.

    Example:
        >>> parse_levels("80, 97.5")
        (80.0, 97.5)
    """
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise typer.BadParameter(
            f"levels must be numbers with commas between them, such as 80,95. Received: {text!r}."
        ) from None


def make_request(source: str, preset: Preset, levels: str, **settings: object) -> Request:
    """Make a job's request from the options of a command.

    Args:
        source: File or data set.
        preset: Amount of training.
        levels: Interval levels as text.
        **settings: Other fields of the request.

    Returns:
        The request.

    Raises:
        typer.BadParameter: If the levels are no numbers.
    """
    from pipelines.jobs import Request

    return Request(source, preset=preset.value, levels=parse_levels(levels), **settings)  # type: ignore[arg-type]
