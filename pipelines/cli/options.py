"""Options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import choices

_DATA = "Data"
_COVARIATES = "Covariates"
_NETWORK = "Network"
_OUTPUT = "Output"


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
Calendar = Annotated[
    choices.Calendar | None,
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
Preset = Annotated[
    choices.Preset | None,
    typer.Option("--preset", help="How much training to spend. Default: default.", rich_help_panel=_NETWORK),
]
MaxSteps = Annotated[
    int | None,
    typer.Option(min=0, help="Training steps. Default: from the data.", rich_help_panel=_NETWORK),
]
LearningRate = Annotated[
    float | None,
    typer.Option(help="Largest step size in training. Default: from the plan.", rich_help_panel=_NETWORK),
]
Jitter = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Noise on the values that training looks back on, in usual changes. Default: none.",
        rich_help_panel=_NETWORK,
    ),
]
Loss = Annotated[
    choices.Loss | None,
    typer.Option("--loss", help="What training minimizes. Default: quantile.", rich_help_panel=_NETWORK),
]
Stretch = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Spread of random factors on the series that training sees. Default: none.",
        rich_help_panel=_NETWORK,
    ),
]
Transform = Annotated[
    choices.Transform | None,
    typer.Option(
        "--transform",
        help="What to do to the values first, and to undo in forecasts.",
        rich_help_panel=_NETWORK,
    ),
]
Scaling = Annotated[
    choices.Scaling | None,
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
Target = Annotated[
    choices.Target | None,
    typer.Option(
        "--target",
        help="Kind of the values. Default: none below 0 is forecast where there is none.",
        rich_help_panel=_DATA,
    ),
]
Architecture = Annotated[
    choices.Architecture | None,
    typer.Option(
        "--architecture", help="What the network is made of. Default: tcn.", rich_help_panel=_NETWORK
    ),
]
Head = Annotated[
    choices.Head | None,
    typer.Option(
        "--head",
        help="What quantiles are made by; hurdle for demand with many zeros. Default: quantile.",
        rich_help_panel=_NETWORK,
    ),
]
Conformal = Annotated[
    choices.Conformal | None,
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
TrackingUri = Annotated[
    str | None,
    typer.Option(
        metavar="STORE",
        help="MLflow store: a folder, sqlite:///FILE, postgresql://USER@HOST/NAME, or a server.",
        rich_help_panel=_OUTPUT,
    ),
]
TrackingStrict = Annotated[
    bool,
    typer.Option(
        "--tracking-strict",
        help="End with 75 if the MLflow server is down. Otherwise the run waits and is sent later.",
        rich_help_panel=_OUTPUT,
    ),
]
Register = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Make the bundle the next version of this registered model: its champion if it has none, else a "
        "challenger.",
        rich_help_panel=_OUTPUT,
    ),
]
SystemMetrics = Annotated[
    bool,
    typer.Option(
        "--system-metrics",
        help="Log processor, memory and GPU in the MLflow run (needs the extra system).",
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
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.", rich_help_panel=_OUTPUT)]
