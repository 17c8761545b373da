"""``tcn fit``, ``predict``, ``backtest`` and ``plan``: the main job in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.choices import ExportFormat
from pipelines.cli import options as o
from pipelines.cli.parsing import parse_levels, parse_names
from pipelines.cli.request import Ask, takes_request
from pipelines.cli.session import session


@takes_request("name", "future")
def fit(
    request: Ask,
    bundle: o.Bundle,
    store: Annotated[
        Path | None,
        typer.Option(
            help="New folder to keep a folder of data in, ready to be read again.", rich_help_panel="Data"
        ),
    ] = None,
    initial: Annotated[
        Path | None,
        typer.Option(
            help="Bundle whose weights to go on from, with its settings, in a quarter of the steps.",
            rich_help_panel="Network",
        ),
    ] = None,
    register: o.Register = None,
    tracking_uri: o.TrackingUri = None,
    tracking_strict: o.TrackingStrict = False,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Train on all rows and save the network as a bundle.

    A folder of Parquet files may be larger than memory. The bundle then holds no history to forecast from.
    """
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import FitOutcome, is_folder, run_fit, run_fit_folder

        asked = request()
        with current.progress() as progress:
            if is_folder(asked.source) and initial is not None:
                raise typer.BadParameter("a folder of data is learned from anew", param_hint="--initial")
            elif is_folder(asked.source) and (register or tracking_uri):
                raise typer.BadParameter("a folder of data is fitted without a run; see tcn register")
            elif is_folder(asked.source):
                outcome = FitOutcome(run_fit_folder(asked, bundle, store, progress))
            elif store is not None:
                raise typer.BadParameter("only a folder of data is kept in a store", param_hint="--store")
            else:
                outcome = run_fit(
                    asked, bundle, progress, initial=initial,
                    store=tracking_uri, strict=tracking_strict, register=register,
                )  # fmt: skip
        from pipelines.cli.answers import fit_record

        current.answer(fit_record(outcome, bundle, tracking_uri))
        if current.talks:
            current.console().print(f"Bundle: {bundle}", soft_wrap=True, markup=False)
            if outcome.registered is not None:
                current.console().print(f"Registered: {outcome.registered}", soft_wrap=True, markup=False)


def predict(
    bundle: o.Bundle,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="File to write, .csv or .parquet; of a folder of data, a new folder.",
            rich_help_panel="Output",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="New history: a file, data set, or folder of Parquet files. Default: the bundle's.",
            rich_help_panel="Data",
        ),
    ] = None,
    future: o.Future = None,
    static: o.Static = None,
    levels: o.OwnLevels = None,
    cold_start: Annotated[
        bool,
        typer.Option(
            "--cold-start",
            help="Let short series borrow the past of series in the bundle that are like them.",
            rich_help_panel="Network",
        ),
    ] = False,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Forecast with a saved network, without training."""
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import is_folder, run_predict, run_predict_folder

        wanted = None if levels is None else parse_levels(levels)
        with current.progress() as progress:
            if data is not None and is_folder(data):
                if future is not None or static is not None or cold_start:
                    raise typer.BadParameter(
                        "a folder of data is forecast without --future, --static and --cold-start"
                    )
                rows = run_predict_folder(bundle, output, data, levels=wanted, progress=progress)
            else:
                rows = len(
                    run_predict(
                        bundle,
                        output,
                        source=data,
                        future=future,
                        static=static,
                        levels=wanted,
                        cold_start=cold_start,
                        progress=progress,
                    )
                )
        current.answer({"command": "predict", "output": str(output.absolute()), "rows": rows})
        if current.talks:
            current.console().print(f"Forecasts: {output}", soft_wrap=True, markup=False)


@takes_request("name", "future")
def backtest(
    request: Ask,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Test this saved network instead of fitting one, on rows that it was not trained on.",
            rich_help_panel="Network",
        ),
    ] = None,
    n_windows: o.NWindows = None,
    step: Annotated[
        int | None,
        typer.Option(
            min=1, help="Rows between windows. Default: a horizon, or half of it.", rich_help_panel="Network"
        ),
    ] = None,
    refit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="WINDOWS",
            help="Train anew before every so many windows, on what was known: 1 for each.",
            rich_help_panel="Network",
        ),
    ] = None,
    gap: Annotated[
        int,
        typer.Option(min=0, help="Rows that data arrive late by.", rich_help_panel="Network"),
    ] = 0,
    window: Annotated[
        int | None,
        typer.Option(
            min=1, help="Last rows of each series to learn from, with --refit.", rich_help_panel="Network"
        ),
    ] = None,
    certificate: o.Certificate = False,
    against: o.Against = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the forecasts of the past.", rich_help_panel="Output"),
    ] = None,
    tracking_uri: o.TrackingUri = None,
    tracking_strict: o.TrackingStrict = False,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Forecast the last windows of every series and compare with what happened and with the baselines.

    The network is fitted on the rows before these windows. A saved one (--bundle) may have been trained on
    them: its scores then say nothing about new data, and the answer says so instead of a verdict. With
    --refit it is trained again and again, each time on what was known by then.
    """
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import Backtesting, run_backtest

        how = Backtesting(refit or 0, gap, window, certificate, parse_names(against))
        with current.progress() as progress:
            tested = run_backtest(
                request(), bundle=bundle, output=output, n_windows=n_windows, step=step, how=how,
                store=tracking_uri, strict=tracking_strict, progress=progress,
            )  # fmt: skip
        from pipelines.cli.answers import backtest_record, show_backtest

        current.answer(backtest_record(tested))
        if current.talks:
            show_backtest(current.console(), tested)


@takes_request("name", "levels", "future")
def plan(
    request: Ask,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Say what a forecast would do, without training."""
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import run_plan

        task, planned, held = run_plan(request())
        from pipelines.cli.answers import plan_record, show_plan

        current.answer(plan_record(task, planned, held))
        if current.talks:
            show_plan(current.console(), task, planned, held)


def export(
    bundle: o.Bundle,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="New file, or new folder for a SavedModel.", rich_help_panel="Output"
        ),
    ],
    to: Annotated[
        ExportFormat,
        typer.Option("--format", help="Format to write.", rich_help_panel="Output"),
    ] = "onnx",
    as_json: o.Json = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Write a saved network as a program for other languages and machines."""
    with session(as_json, quiet, debug) as current:
        from pipelines.jobs import run_export

        with current.progress() as progress:
            path = run_export(bundle, output, to, progress)
        current.answer({"command": "export", "format": to, "output": str(path)})
        if current.talks:
            current.console().print(f"Network: {output}", soft_wrap=True, markup=False)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: tcn export --bundle sales-model --format onnx -o sales.onnx")(export)
    app.command(epilog="Example: tcn fit sales.csv --horizon 28 --bundle sales-model")(fit)
    app.command(epilog="Example: tcn predict --bundle sales-model --data sales.csv -o next.csv")(predict)
    app.command(epilog="Example: tcn backtest sales.csv --horizon 28 --n-windows 8")(backtest)
    app.command(epilog="Example: tcn plan sales.csv --horizon 28")(plan)
