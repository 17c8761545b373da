"""Forecasts of held-out rows, other models beside them, and what is written of their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.backtesting import Windows
from pipelines.baselines import add_baselines
from pipelines.jobs.files import plain, write_frame, write_json
from pipelines.metrics import Scores, evaluate
from pipelines.ranking import ranked
from pipelines.statistical import add_statistical

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.holding_out import HeldOut
    from pipelines.panel import Panel

CERTIFICATE, LEADERBOARD = "certificate.json", ("leaderboard.csv", "leaderboard.json")


@dataclass(frozen=True)
class Backtesting:
    """How held-out rows are forecast; see ``Forecaster.backtest`` for the first four.

    Args:
        refit: Windows from one training to the next; 0 to train once, on the rows before all of them.
        gap: Steps after each cutoff to leave out.
        window: Rows of each series to learn from, with ``refit``; None for all.
        certificate: Whether to certify that no forecast reads what comes after its cutoff.
        against: Statistical models to compare with.

    Example:
        >>> Backtesting(refit=4, certificate=True).arguments()
        {'refit': 4, 'certificate': True}
    """

    refit: int = 0
    gap: int = 0
    window: int | None = None
    certificate: bool = False
    against: tuple[str, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """Arguments of ``Forecaster.backtest`` that differ from its defaults.

        Returns:
            Names and values.
        """
        asked = {name: getattr(self, name) for name in ("refit", "gap", "window", "certificate")}
        return {name: value for name, value in asked.items() if value}

    def windows(self, horizon: int, held: HeldOut) -> Windows:
        """Return the windows of held-out rows.

        Args:
            horizon: Steps ahead.
            held: Which rows.

        Returns:
            The windows.

        Raises:
            ConfigError: If a number is not allowed.
        """
        refit = self.refit or False
        return Windows.of(horizon, held.n_windows, held.step, refit, self.gap, self.window)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of what is written beside the backtest."""
        return (CERTIFICATE,) * self.certificate + LEADERBOARD * bool(self.against)


def backtest_held_out(
    forecaster: Forecaster,
    panel: Panel,
    held: HeldOut,
    season_length: int,
    levels: tuple[float, ...],
    how: Backtesting,
    report: Callable[[dict[str, float]], None] | None = None,
) -> pd.DataFrame:
    """Forecast the held-out rows, with the network and with every model that it is compared with.

    Args:
        forecaster: Fitted on the rows before them, unless it is trained for every window.
        panel: The whole data.
        held: Which rows were held out.
        season_length: Steps in a season.
        levels: Interval levels in percent.
        how: How to forecast them.
        report: Takes the record of every epoch of trainings.

    Returns:
        The backtest frame; without rows if nothing was held out.
    """
    if not held.n_windows:
        return panel.tail(1).to_frame().iloc[:0][list(panel.columns)]
    tested, arguments = held.tested(panel), how.arguments()
    if how.refit:  # short series teach too, and are left out of the windows that they are too short for
        tested, arguments = panel, arguments | {"callbacks": () if report is None else (report,)}
    backtest = forecaster.backtest(tested, held.n_windows, held.step, levels=levels, **arguments)
    backtest = add_baselines(backtest, tested, season_length, levels)
    return add_statistical(backtest, tested, season_length, how.against, levels)


def score(backtest: pd.DataFrame, panel: Panel, season_length: int) -> Scores | None:
    """Score every model of a backtest.

    Args:
        backtest: Forecasts of the past; may be empty.
        panel: The whole data.
        season_length: Steps in a season.

    Returns:
        The scores; None if nothing was forecast, or nothing of it was observed.
    """
    if not backtest[panel.columns.target_col].notna().any():
        return None
    return evaluate(backtest, panel, season_length)


def write_beside(
    backtest: pd.DataFrame, scores: Scores | None, how: Backtesting, folder: Path, prefix: str = ""
) -> list[Path]:
    """Write the certificate and the leaderboard of a backtest, where there are such.

    Args:
        backtest: The backtest frame.
        scores: Its scores.
        how: What was asked for.
        folder: Where to write.
        prefix: What the names of the files begin with.

    Returns:
        The files.
    """
    files = []
    if how.certificate and "certificate" in backtest.attrs:
        files.append(write_json(backtest.attrs["certificate"], folder / f"{prefix}{CERTIFICATE}"))
    if how.against and scores is not None:
        table = ranked(scores)
        as_csv, as_json = (folder / f"{prefix}{name}" for name in LEADERBOARD)
        files.append(write_frame(table.reset_index(), as_csv))
        files.append(write_json(plain(table.reset_index().to_dict("records")), as_json))
    return files
