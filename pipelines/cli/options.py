"""Arguments and options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipelines.jobs import Request

_DATA = "Data"
_COVARIATES = "Covariates"
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


class ExportFormat(StrEnum):
    """What a network can be written as."""

    onnx = "onnx"
    savedmodel = "savedmodel"
    litert = "litert"


class Conformal(StrEnum):
    """How intervals are calibrated."""

    split_ = "split"
    adaptive = "adaptive"


class Transform(StrEnum):
    """What to do to the values before the network reads them."""

    log = "log"
    asinh = "asinh"
    box_cox = "box-cox"
    difference = "difference"


class Scaling(StrEnum):
    """What the network sees values relative to."""

    origin = "origin"
    global_ = "global"
    mixed = "mixed"


class Target(StrEnum):
    """What kind of numbers the values are."""

    real = "real"
    nonnegative = "nonnegative"
    count_ = "count"


class Head(StrEnum):
    """What quantiles are made by."""

    quantile = "quantile"
    hurdle = "hurdle"
    normal = "normal"
    laplace = "laplace"


class Calendar(StrEnum):
    """Positions in the calendar that are known ahead."""

    auto = "auto"


Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A .csv or .parquet file, or a data set (see: tcn datasets).")
]
Horizon = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Steps ahead. Default: the data set's, or one season (at least 6, at most 96 steps).",
        rich_help_panel=_DATA,
    ),
]
Freq = Annotated[
    str | None,
    typer.Option(help="Step between stamps: h, D, MS, 15min, 1. Default: inferred.", rich_help_panel=_DATA),
]
SeasonLength = Annotated[
    str | None,
    typer.Option(
        metavar="STEPS",
        help="Steps in a season, or in several: 24,168. Default: from the frequency.",
        rich_help_panel=_DATA,
    ),
]
IdCol = Annotated[str, typer.Option(help="Column of series ids.", rich_help_panel=_DATA)]
TimeCol = Annotated[str, typer.Option(help="Column of time stamps.", rich_help_panel=_DATA)]
TargetCol = Annotated[str, typer.Option(help="Column of values.", rich_help_panel=_DATA)]
Name = Annotated[
    str | None, typer.Option(help="What to call the data. Default: its own name.", rich_help_panel=_DATA)
]
PastCol = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Column known up to the origin of a forecast; may be repeated.",
        rich_help_panel=_COVARIATES,
    ),
]
FutureCol = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Column known for the steps ahead; may be repeated.",
        rich_help_panel=_COVARIATES,
    ),
]
StaticCol = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Column with one value per series; may be repeated.",
        rich_help_panel=_COVARIATES,
    ),
]
CalendarOption = Annotated[
    Calendar | None,
    typer.Option("--calendar", help="Use the place in day, week and year.", rich_help_panel=_COVARIATES),
]
Holidays = Annotated[
    str | None,
    typer.Option(help="Use public holidays of a country: US, AU-VIC.", rich_help_panel=_COVARIATES),
]
Lag = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=ROWS",
        help="Rows that a column is known late by; may be repeated.",
        rich_help_panel=_COVARIATES,
    ),
]
Static = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Static columns, a row per series. Default: the data's.",
        rich_help_panel=_COVARIATES,
    ),
]
Future = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Future columns, a row per series and step ahead.", rich_help_panel=_COVARIATES
    ),
]
Levels = Annotated[
    str, typer.Option(help="Interval levels in percent, separated by commas.", rich_help_panel=_NETWORK)
]
OwnLevels = Annotated[
    str | None,
    typer.Option(help="Interval levels in percent. Default: the bundle's.", rich_help_panel=_NETWORK),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Same seed, same forecast. Default: 0.", rich_help_panel=_NETWORK),
]
PresetOption = Annotated[
    Preset | None,
    typer.Option("--preset", help="How much training to spend. Default: default.", rich_help_panel=_NETWORK),
]
MaxSteps = Annotated[
    int | None,
    typer.Option(min=0, help="Training steps. Default: from the data.", rich_help_panel=_NETWORK),
]
TransformOption = Annotated[
    Transform | None,
    typer.Option(
        "--transform",
        help="What to do to the values first, and to undo in forecasts.",
        rich_help_panel=_NETWORK,
    ),
]
ScalingOption = Annotated[
    Scaling | None,
    typer.Option(
        "--scaling",
        help="See values relative to the last one, to the center, or both. Default: by the covariates.",
        rich_help_panel=_NETWORK,
    ),
]
Multivariate = Annotated[
    bool,
    typer.Option("--multivariate", help="Let the series see each other.", rich_help_panel=_NETWORK),
]
TargetOption = Annotated[
    Target | None,
    typer.Option(
        "--target",
        help="Kind of the values. Default: none below 0 is forecast where there is none.",
        rich_help_panel=_DATA,
    ),
]
HeadOption = Annotated[
    Head | None,
    typer.Option(
        "--head",
        help="What quantiles are made by; hurdle for demand with many zeros. Default: quantile.",
        rich_help_panel=_NETWORK,
    ),
]
ConformalOption = Annotated[
    Conformal | None,
    typer.Option(
        "--conformal",
        help="Calibrate intervals by errors on rows kept back: once, or by the recent ones too.",
        rich_help_panel=_NETWORK,
    ),
]
NWindows = Annotated[
    int | None,
    typer.Option(min=1, help="Past windows to test on. Default: from the data.", rich_help_panel=_NETWORK),
]
Certificate = Annotated[
    bool,
    typer.Option(
        "--certificate", help="Certify that no forecast of the past reads what came later.",
        rich_help_panel=_OUTPUT,
    ),
]  # fmt: skip
Against = Annotated[
    str | None,
    typer.Option(
        metavar="MODELS",
        help="Compare with statistical models too: AutoETS,AutoTheta,AutoARIMA (needs the extra stats).",
        rich_help_panel=_OUTPUT,
    ),
]
Bundle = Annotated[Path, typer.Option(help="Folder of the fitted network.", rich_help_panel=_OUTPUT)]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on standard output.", rich_help_panel=_OUTPUT)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=_OUTPUT)
]
Ask = Callable[[], "Request"]  # what a command that takes a request gets in its place
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.", rich_help_panel=_OUTPUT)]


def parse_levels(text: str) -> tuple[float, ...]:
    """Read interval levels.

    Args:
        text: Numbers with commas between them; nothing for no intervals.

    Returns:
        The numbers, sorted.

    Raises:
        typer.BadParameter: If they are none.
        ConfigError: If a forecaster would refuse them.

    Example:
        >>> parse_levels("80, 97.5")
        (80.0, 97.5)
    """
    try:
        levels = tuple(float(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise typer.BadParameter(
            f"levels must be numbers with commas between them, such as 80,95. Received: {text!r}."
        ) from None
    from pipelines.config import Settings

    return Settings.of({"horizon": 1, "levels": levels}).levels


def parse_seasons(text: str) -> int | tuple[int, ...]:
    """Read season lengths.

    Args:
        text: A number of steps, or several with commas between them.

    Returns:
        The number, or the numbers.

    Raises:
        typer.BadParameter: If they are none.

    Example:
        >>> parse_seasons("24"), parse_seasons("24, 168")
        (24, (24, 168))
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(
            "seasons must be positive whole numbers with commas between them, such as 24,168. Received: "
            f"{text!r}."
        )
    seasons = tuple(map(int, parts))
    return seasons if len(seasons) > 1 else seasons[0]


def parse_names(text: str | None) -> tuple[str, ...]:
    """Read names with commas between them.

    Args:
        text: The names; None for none.

    Returns:
        The names.

    Example:
        >>> parse_names("AutoETS, AutoTheta")
        ('AutoETS', 'AutoTheta')
    """
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def parse_lags(texts: list[str]) -> dict[str, int]:
    """Read publication lags.

    Args:
        texts: Each a column, ``=`` and a number of rows.

    Returns:
        Column to rows.

    Raises:
        typer.BadParameter: If one is something else.

    Example:
        >>> parse_lags(["load=6"])
        {'load': 6}
    """
    lags = {}
    for text in texts:
        column, _, rows = text.rpartition("=")
        if not column or not rows.isdecimal():
            raise typer.BadParameter(f"a lag must be a column and rows, such as load=6. Received: {text!r}.")
        lags[column] = int(rows)
    return lags


def takes_request(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the argument and the options that say what to forecast.

    Args:
        *without: Options that mean nothing to the command.

    Returns:
        A decorator for functions whose first parameter is called ``request``, with the command's own options
        after it. It is called with a function that makes the request.
    """
    possible = inspect.signature(_make_request, eval_str=True).parameters
    asked = [parameter for name, parameter in possible.items() if name not in without]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "request"
        ]

        @wraps(command)
        def with_options(**given: Any) -> None:
            settings = {parameter.name: given.pop(parameter.name) for parameter in asked}
            command(lambda: _make_request(**settings), **given)

        options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*asked, *own)]
        with_options.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        with_options.__annotations__ = {option.name: option.annotation for option in options}
        return with_options

    return decorate


def _make_request(
    source: Source,
    horizon: Horizon = None,
    freq: Freq = None,
    season_length: SeasonLength = None,
    id_col: IdCol = "unique_id",
    time_col: TimeCol = "ds",
    target_col: TargetCol = "y",
    name: Name = None,
    past_col: PastCol = None,
    future_col: FutureCol = None,
    static_col: StaticCol = None,
    calendar: CalendarOption = None,
    holidays: Holidays = None,
    lag: Lag = None,
    static: Static = None,
    future: Future = None,
    levels: Levels = "80,95",
    seed: Seed = None,
    preset: PresetOption = None,
    max_steps: MaxSteps = None,
    transform: TransformOption = None,
    scaling: ScalingOption = None,
    multivariate: Multivariate = False,
    target: TargetOption = None,
    head: HeadOption = None,
    conformal: ConformalOption = None,
) -> Any:
    """Make a job's request from the options of a command."""
    from pipelines.covariates import Covariates
    from pipelines.jobs import Request

    covariates = Covariates(
        past=past_col or (),
        future=future_col or (),
        static=static_col or (),
        calendar=None if calendar is None else calendar.value,
        holidays=holidays,
        lags=parse_lags(lag or []),
    )
    return Request(
        source,
        horizon=horizon,
        freq=freq,
        season_length=None if season_length is None else parse_seasons(season_length),
        levels=parse_levels(levels),
        seed=seed,
        preset=None if preset is None else preset.value,
        max_steps=max_steps,
        transform=None if transform is None else transform.value,
        scaling=None if scaling is None else scaling.value,
        multivariate=multivariate,
        target=None if target is None else target.value,
        head=None if head is None else head.value,
        conformal=None if conformal is None else conformal.value,
        id_col=id_col,
        time_col=time_col,
        target_col=target_col,
        name=name,
        covariates=None if covariates.is_empty else covariates,
        static=static,
        future=future,
    )
