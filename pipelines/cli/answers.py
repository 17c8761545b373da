"""What commands answer: tables and sentences for people, one record for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from pipelines.cli.sparklines import show_forecasts
from pipelines.jobs.files import plain, scores_record
from pipelines.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from pipelines.cli.checkup import Check
    from pipelines.datasets import DatasetInfo
    from pipelines.holding_out import HeldOut
    from pipelines.jobs import FitOutcome, Outcome, Reported, Task, Tested, TunedOutcome
    from pipelines.plan import Plan
    from pipelines.results import ForecastResult

_SHOWN = ("MAE", "RMSE", "MASE", "WQL")  # and the coverages; a terminal is 80 columns wide
_TONES = {"good": "bold green", "fair": "bold yellow", "bad": "bold red", "unknown": "bold"}


def forecast_record(outcome: Outcome, store: str | Path | None) -> dict[str, Any]:
    """Answer of ``tcn forecast`` for machines.

    Args:
        outcome: What the job left.
        store: Where its MLflow run is.

    Returns:
        Plain data.
    """
    from pipelines.verdict import verdict

    result = outcome.result
    judged = verdict(result.scores, result.alias, result.levels, result.reason)
    return {
        "command": "forecast",
        "name": result.name,
        "series": result.n_series,
        "horizon": result.horizon,
        "freq": result.freq,
        "season_length": result.season_length,
        "data_sha256": result.digest,
        "files": {path.name: str(path) for path in outcome.files},
        **tracked_record(outcome, store),
        "verdict": {"tone": judged.tone, "text": judged.headline},
        "scores": scores_record(result.scores, result.reason),
        "calibration": dict(result.calibration),
        "n_windows": outcome.held.n_windows,
        "seconds": result.seconds,
    }


def report_record(made: Reported) -> dict[str, Any]:
    """Answer of ``tcn report`` for machines.

    Args:
        made: The report.

    Returns:
        Plain data.
    """
    from pipelines.verdict import verdict

    result = made.result
    judged = verdict(result.scores, result.alias, result.levels, result.reason)
    return {
        "command": "report",
        "name": result.name,
        "report": str(made.path.absolute()),
        "bytes": made.path.stat().st_size,
        "as_it_was": made.again,
        "series": result.n_series,
        "data_sha256": result.digest,
        "verdict": {"tone": judged.tone, "text": judged.headline},
        "scores": scores_record(result.scores, result.reason),
    }


def show_report(console: Console, made: Reported) -> None:
    """Print the scores that a report shows, and where it lies.

    Args:
        console: Where to.
        made: The report.
    """
    result = made.result
    n_windows = result.backtest["cutoff"].nunique() if len(result.backtest) else 0
    show_scores(console, result, n_windows, result.reason)
    show_certificate(console, result.backtest)
    console.print(f"Report: {near(made.path)}", soft_wrap=True, markup=False)


def fit_record(outcome: FitOutcome, bundle: Path, store: str | Path | None) -> dict[str, Any]:
    """Answer of ``tcn fit`` for machines.

    Args:
        outcome: What the job left.
        bundle: Folder of the bundle.
        store: Where its MLflow run is.

    Returns:
        Plain data.
    """
    plan = outcome.forecaster.plan_.to_dict()
    return {
        "command": "fit",
        "bundle": str(bundle.absolute()),
        "plan": plan,
        **tracked_record(outcome, store),
    }


def tracked_record(outcome: Outcome | FitOutcome | TunedOutcome, store: str | Path | None) -> dict[str, Any]:
    """Say where a job has left its run, and which version its bundle is.

    Args:
        outcome: What the job left.
        store: Where its MLflow run is.

    Returns:
        Plain data.
    """
    made = outcome.registered
    return {
        "tracking": None if store is None else {"store": address(store), "run_id": outcome.run_id},
        "registered": None if made is None else made.to_dict(),
    }


def backtest_record(tested: Tested) -> dict[str, Any]:
    """Answer of ``tcn backtest`` for machines.

    Args:
        tested: What the job found.

    Returns:
        Plain data; without any test of significance if the network was trained on what it is tested on.
    """
    scores = scores_record(tested.scores)
    if tested.seen_in_training and scores["skill"] is not None:
        for model in scores["skill"].values():
            model.update(p_value=None, significant=None)
    return {
        "command": "backtest",
        "name": tested.name,
        "n_windows": tested.held.n_windows,
        "step": tested.held.step,
        "seen_in_training": tested.seen_in_training,
        "scores": scores,
        "certificate": tested.backtest.attrs.get("certificate"),
        "leaderboard": None if tested.leaderboard is None else plain(tested.leaderboard.to_dict("index")),
    }


def plan_record(task: Task, plan: Plan, held: HeldOut) -> dict[str, Any]:
    """Answer of ``tcn plan`` for machines.

    Args:
        task: Data and settings.
        plan: Plan of the fit.
        held: Rows that would be held out.

    Returns:
        Plain data.
    """
    backtest = {"n_windows": held.n_windows, "step": held.step, "reason": held.reason}
    return {"command": "plan", "name": task.name, "plan": plan.to_dict(), "backtest": backtest}


def show_forecast(console: Console, outcome: Outcome, store: str | Path | None) -> None:
    """Print the scores, what they mean, and where everything lies.

    Args:
        console: Where to.
        outcome: What the job left.
        store: Where its MLflow run is.
    """
    result = outcome.result
    show_forecasts(console, result)
    show_scores(console, result, outcome.held.n_windows, result.reason)
    show_certificate(console, result.backtest)
    files = {path.name: near(path) for path in outcome.files}
    tables = [path for name, path in files.items() if name.startswith("forecasts.")]
    places = {"Forecasts": ", ".join(tables), "Report": files["report.html"], "Model": files["bundle"]}
    if outcome.registered is not None:
        places["Registered"] = str(outcome.registered)
    show_places(console, places, store)


def show_places(console: Console, places: Mapping[str, str], store: str | Path | None) -> None:
    """Print where everything lies.

    Args:
        console: Where to.
        places: Name to path, as people should read them.
        store: Where the MLflow runs are; None for none.
    """
    shown = dict(places)
    if store is not None:
        shown["MLflow"] = address(store)
        if "://" not in str(store):
            shown["Open it"] = f"tcn ui {near(Path(store))}"
    grid = Table.grid(padding=(0, 2))
    for what, where in shown.items():
        grid.add_row(what, where)
    console.print(grid, soft_wrap=True)


def show_backtest(console: Console, tested: Tested) -> None:
    """Print the scores of a backtest, and the verdict if they deserve one.

    Args:
        console: Where to.
        tested: What the job found.
    """
    n_windows = tested.held.n_windows
    if not tested.seen_in_training:
        show_scores(console, tested, n_windows)
        show_leaderboard(console, tested)
        show_certificate(console, tested.backtest)
        return
    _show_table(console, tested, n_windows)
    headline = (
        f"No verdict: the network was trained on {tested.seen_in_training:,} of the values that it forecasts "
        "here, and remembers them."
    )
    cure = "For an honest test leave out --bundle, or test a network that was fitted on earlier rows."
    console.print(headline, style=_TONES["bad"], soft_wrap=True, markup=False)
    console.print(cure, soft_wrap=True, markup=False)


def show_leaderboard(console: Console, tested: Tested) -> None:
    """Print the models in their order, if statistical ones were compared with.

    Args:
        console: Where to.
        tested: What the job found.
    """
    board = tested.leaderboard
    if board is None:
        return
    table = Table("", "Model", title="In order of MASE")
    shown = {"mase": "MASE", "wql": "WQL", "smape": "sMAPE", "skill": "Skill", "p_first": "p to first"}
    for heading in shown.values():
        table.add_column(heading, justify="right")
    for model, row in board.iterrows():
        cells = ("" if row[name] != row[name] else f"{row[name]:.3g}" for name in shown)
        style = "cyan" if model == tested.alias else None
        table.add_row(str(int(row["rank"])), escape(str(model)), *cells, style=style)
    console.print(table)


def show_certificate(console: Console, backtest: pd.DataFrame) -> None:
    """Print what a certificate says, if there is one.

    Args:
        console: Where to.
        backtest: The backtest frame.
    """
    found = backtest.attrs.get("certificate")
    if found is not None:
        console.print(
            f"Certificate: what came after {counted(len(found['cutoffs']), 'cutoff')} was replaced, and none "
            f"of {found['compared']:,} forecasts at or before them moved by a bit.",
            soft_wrap=True,
            markup=False,
        )


def show_scores(console: Console, tested: ForecastResult | Tested, n_windows: int, reason: str = "") -> None:
    """Print scores of the network beside the baselines, and the verdict.

    Args:
        console: Where to.
        tested: Scores, and whose they are.
        n_windows: Windows that they come from.
        reason: Why there are none.
    """
    from pipelines.verdict import verdict

    _show_table(console, tested, n_windows)
    judged = verdict(tested.scores, tested.alias, tested.levels, reason)
    console.print(judged.headline, style=_TONES[judged.tone], soft_wrap=True, markup=False)
    for text in judged.details:
        console.print(text, soft_wrap=True, markup=False)


def _show_table(console: Console, tested: ForecastResult | Tested, n_windows: int) -> None:
    from pipelines.report.tables import score_table

    if tested.scores is not None:
        scores = score_table(tested.scores, tested.alias)
        chosen = [
            place
            for place, heading in enumerate(scores.columns)
            if heading in _SHOWN or heading.startswith("Coverage ")
        ]
        table = Table("Model", title=f"{escape(tested.name)}: {counted(n_windows, 'window')} of the past")
        for place in chosen:
            table.add_column(scores.columns[place], justify="right")
        for row in scores.rows:
            cells = (row.cells[place - 1] for place in chosen)
            texts = [f"[bold]{cell.text}[/]" if cell.best else cell.text for cell in cells]
            table.add_row(escape(row.name), *texts, style="cyan" if row.marked else None)
        console.print(table)


def show_plan(console: Console, task: Task, plan: Plan, held: HeldOut) -> None:
    """Print a plan.

    Args:
        console: Where to.
        task: Data and settings.
        plan: Plan of the fit.
        held: Rows that would be held out.
    """
    console.print(str(plan), soft_wrap=True, markup=False)
    if held.n_windows:
        tested = held.tested(task.panel).n_series
        text = (
            f"backtest: {counted(held.n_windows, 'window')}, {counted(held.step, 'row')} apart, on "
            f"{tested:,} series; the last {counted(held.rows, 'row')} of each held out"
        )
    else:
        text = f"backtest: none. {held.reason}"
    console.print(text, soft_wrap=True, markup=False)


def show_datasets(console: Console, known: Iterable[DatasetInfo]) -> None:
    """Print the data sets.

    Args:
        console: Where to.
        known: What is known of each.
    """
    for info in known:
        console.print(f"[bold]{info.name}[/]  {escape(info.title)}", soft_wrap=True)
        sizes = f"{info.n_series} series, {info.n_rows:,} rows, freq {info.freq}, horizon {info.horizon}"
        console.print(f"  {sizes}; {info.license}", style="dim", soft_wrap=True, markup=False)


def show_checks(console: Console, checks: Iterable[Check]) -> None:
    """Print the results of a checkup.

    Args:
        console: Where to.
        checks: The results.
    """
    for check in checks:
        mark = "[green]ok[/]  " if check.ok else "[bold red]bad[/] "
        console.print(f"{mark} [bold]{check.name}[/]: ", end="")
        console.print(check.text, soft_wrap=True, markup=False)


def near(path: Path) -> str:
    """Write a path as a person would type it here.

    Args:
        path: Any path.

    Returns:
        Text.
    """
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def address(store: str | Path) -> str:
    """Say where MLflow runs are, without passwords.

    Args:
        store: Folder, ``sqlite:///FILE`` or address of an MLflow server.

    Returns:
        Path of the database, or address.
    """
    from pipelines.redaction import redacted
    from pipelines.tracking import TrackingStore

    place = TrackingStore.parse(store)
    return redacted(place.uri) if place.database is None else str(place.database)
