"""What a backtest is asked for, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.errors import ConfigError


@dataclass(frozen=True)
class Windows:
    """Windows of a backtest, and how often a network is trained anew for them.

    Attributes:
        horizon: Steps from a cutoff to the last step that is forecast.
        n_windows: Windows per series.
        step: Rows from one cutoff to the next.
        refit: Windows from one training to the next; 0 to train none.
        gap: Steps after each cutoff that are not forecast, as the data arrive so many rows late.
        window: Rows of each series that a training learns from, its last ones; None for all.
    """

    horizon: int
    n_windows: int
    step: int
    refit: int = 0
    gap: int = 0
    window: int | None = None

    @classmethod
    def of(
        cls, horizon: int, n_windows: Any, step: Any, refit: Any = False, gap: Any = 0, window: Any = None
    ) -> Windows:
        """Check what a backtest is asked for.

        Args:
            horizon: Steps ahead.
            n_windows: Windows per series.
            step: Rows from one cutoff to the next; None for the horizon.
            refit: Whether to train before every window, or before every so many of them.
            gap: Steps after each cutoff to leave out.
            window: Rows to learn from; None for all.

        Returns:
            The windows.

        Raises:
            ConfigError: If a number is not allowed.

        Example:
            >>> Windows.of(24, 28, None, refit=True).step
            24
            >>> Windows.of(24, 28, None, gap=24)
            Traceback (most recent call last):
            pipelines.errors.ConfigError: gap must be an integer from 0 to 23, ... Received: 24 ...
        """
        step = horizon if step is None else step
        for name, value in (("n_windows", n_windows), ("step", step)):
            if not _is_integer(value) or value < 1:
                raise ConfigError(f"{name} must be a positive integer. Received: {value!r}.")
        if not isinstance(refit, (bool, np.bool_)) and (not _is_integer(refit) or refit < 1):
            raise ConfigError(
                "refit must be True or False, or a positive integer to train before every so many windows. "
                f"Received: {refit!r}."
            )
        if not _is_integer(gap) or not 0 <= gap < horizon:
            raise ConfigError(
                f"gap must be an integer from 0 to {horizon - 1}, so that a step is left to forecast. "
                f"Received: {gap!r} with horizon={horizon}."
            )
        if window is not None and not (refit and _is_integer(window) and window >= 1):
            raise ConfigError(
                "window must be a positive integer, the rows of each series to learn from, and needs refit. "
                f"Received: window={window!r} with refit={refit!r}; pass refit=True, or leave it out."
            )
        rows = None if window is None else int(window)
        return cls(horizon, int(n_windows), int(step), int(refit), int(gap), rows)


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
