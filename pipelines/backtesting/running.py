"""Backtests: forecasts at past cutoffs that equal what would have been forecast then."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pipelines.backtesting.learned import learned_targets, rows_of_fit
from pipelines.backtesting.origins import Origins
from pipelines.backtesting.passes import Asked, Backtest, Fit, Report, Trained
from pipelines.backtesting.windows import Windows
from pipelines.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Settings
    from pipelines.fitted import Fitted
    from pipelines.panel import Panel


def backtest_fitted(
    fitted: Fitted, panel: Panel, windows: Windows, asked: Asked, certificate: bool = False
) -> pd.DataFrame:
    """Forecast from past origins in one pass, with the weights as they are.

    Args:
        fitted: What was learned.
        panel: The history to test on.
        windows: Which windows.
        asked: Which columns.
        certificate: Whether to certify that no forecast reads what comes after its cutoff.

    Returns:
        The backtest frame, with the certificate in ``attrs``. A warning says how many of the values were
        learned from.

    Raises:
        PanelError: If future covariates end before a horizon does.
        ForecastingError: If a certificate is asked for and a forecast reads what comes after its cutoff.
    """
    origins = Origins.of(panel, windows)
    if seen := learned_targets(rows_of_fit(fitted, panel), panel, origins, windows):
        warnings.warn(
            f"the fit has learned from {counted(seen, 'value')} of this backtest, so that its scores flatter "
            "the forecaster; fit on the rows before the first cutoff, or pass refit=True",
            UserWarning,
            stacklevel=3,
        )
    # Also origins before a series begins: they cost nothing, and keep all runs of one length.
    alone = (Trained(fitted, np.ones_like(origins.exist)),)
    return Backtest(fitted.settings, panel, windows, origins, asked).frame(alone, certificate)


def backtest_refitted(
    fit: Fit,
    settings: Settings,
    panel: Panel,
    windows: Windows,
    asked: Asked,
    certificate: bool = False,
    callbacks: Iterable[Report] = (),
) -> pd.DataFrame:
    """Forecast from past origins, each with what could be learned by then.

    Args:
        fit: Learns from rows, and calls what it is given with the record of every epoch.
        settings: What it was asked for.
        panel: The history to test on.
        windows: Which windows, and how often to train.
        asked: Which columns.
        certificate: As for ``backtest_fitted``.
        callbacks: Each is called with the record of every epoch and, in it, ``training``, the number of the
            training from 1 on, and ``trainings``, how many there are.

    Returns:
        The backtest frame, with the certificate in ``attrs``.

    Raises:
        PanelError: If rows up to a cutoff cannot be learned from; the message names the cutoff.
        ForecastingError: As for ``backtest_fitted``, and if a training fails.
    """
    backtest = Backtest(settings, panel, windows, Origins.of(panel, windows), asked)
    trained = backtest.trainings(fit, tuple(callbacks))
    # A certificate needs every network again; without one, the memory of one at a time is enough.
    return backtest.frame(tuple(trained) if certificate else trained, certificate)
