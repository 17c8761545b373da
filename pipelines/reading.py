"""What a forecaster is given, as a panel."""

from __future__ import annotations

from typing import Any

from pipelines.config import Settings
from pipelines.covariates import Covariates
from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Freq
from pipelines.panel import Panel, check_target, show
from pipelines.store import PanelStore


def read_panel(df: Any, settings: Settings, freq: Any, static: Any = None) -> Panel:
    """Read a frame as a panel; take a panel as it is, if its frequency is the one that is asked for.

    Args:
        df: Any long frame, or a panel.
        settings: Names of columns, and which covariates to keep.
        freq: Step between stamps; None to infer it.
        static: Frame of static covariates, or None.

    Returns:
        The panel.

    Raises:
        PanelError: If a frame cannot be used, a panel has another frequency, or a value is not of the kind
            that was declared.
        ConfigError: If there is a static frame, but no static covariate.
    """
    panel = _panel(df, settings, freq, static)
    check_target(panel, *_declared(settings))
    return panel


def read_rows(df: Any, settings: Settings, freq: Any, static: Any = None) -> Panel | PanelStore:
    """Read what to learn from: a frame or panel, see ``read_panel``; a store as it is.

    Args:
        df: Any long frame, a panel, or a store.
        settings: As for ``read_panel``.
        freq: As for ``read_panel``.
        static: As for ``read_panel``.

    Returns:
        The rows, in memory or on disk.

    Raises:
        PanelError: As for ``read_panel``.
        ConfigError: As for ``read_panel``, and if a setting needs all rows of a store in memory.
    """
    if not isinstance(df, PanelStore):
        return read_panel(df, settings, freq, static)
    if static is not None:
        raise not_asked_for("static")
    needs = {"covariates": None, "multivariate": False, "conformal": None}
    if asked := [name for name, none in needs.items() if getattr(settings, name) != none]:
        raise ConfigError(
            f"A fit from a store must do without {', '.join(needs)}. Received: "
            f"{', '.join(f'{name}={getattr(settings, name)!r}' for name in asked)}; leave that out, or fit "
            "to a panel in memory. Intervals can be calibrated after the fit: calibrate(store.part(0))."
        )
    _check_freq(df, freq, "store")
    declared = _declared(settings)
    if declared[0] in ("nonnegative", "count"):
        for panel in df.parts():
            check_target(panel, *declared)
    return df


def _declared(settings: Settings) -> tuple[str, str]:
    """Kind of values that was declared, and the setting that did."""
    if settings.target == "count" or settings.head != "hurdle":
        return settings.target, f"target={settings.target!r}"
    return "nonnegative", "head='hurdle'"


def _panel(df: Any, settings: Settings, freq: Any, static: Any) -> Panel:
    """Read a panel, its values not checked yet."""
    asked = settings.covariates
    if static is not None and (asked is None or not asked.static):
        raise not_asked_for("static")
    if isinstance(df, PanelStore):
        raise ConfigError(
            "Rows must be in memory for this. Received: a store; take it part by part: predict_parts(store), "
            "or for each panel of store.parts()."
        )
    if not isinstance(df, Panel):
        import pyarrow as pa

        columns = (settings.id_col, settings.time_col, settings.target_col)
        panel = Panel.from_frame(df, freq, *columns, covariates=asked, static=static)
        # Arrow holds on to what reading and filtering a frame needed: for a large one, more than the frame.
        pa.default_memory_pool().release_unused()
        return panel
    _check_freq(df, freq, "panel")
    return df if static is None or asked is None else df.with_static(static, asked)


def _check_freq(rows: Panel | PanelStore, freq: Any, name: str) -> None:
    if freq is not None and rows.freq != Freq.parse(freq):
        raise PanelError(
            f"The {name} must have the forecaster's freq={Freq.parse(freq).text!r}. "
            f"Received: freq={rows.freq.text!r}; make the {name}, or the forecaster, with the other one."
        )


def with_known_static(panel: Panel, known: Panel, asked: Covariates) -> Panel:
    """Give a panel the static values that its series had in the fit, in columns that it lacks.

    Args:
        panel: What to forecast.
        known: The data of the fit.
        asked: Which columns are static.

    Returns:
        The panel with all static columns.

    Raises:
        PanelError: If the fit did not see one of the series.
    """
    new = sorted({*panel.ids.tolist()} - {*known.ids.tolist()}, key=str)
    if new:
        others = f" and {len(new) - 1} more" * (len(new) > 1)
        raise PanelError(
            "Static covariates of series that the fit did not see must be given. Received: none for series "
            f"{show(new[0])}{others}; pass static=, a row per series with "
            f"{', '.join(map(repr, asked.static))}."
        )
    given = [column.name for column in panel.static]
    return panel.with_static(known.static_frame().drop(columns=given), asked)


def not_asked_for(role: str) -> ConfigError:
    """Return the error about a frame for covariates that are not used."""
    return ConfigError(
        f"A {role} frame must hold {role} covariates. Received: one for a forecaster without any; name its "
        f"columns in Covariates({role}=[...]), or leave it out."
    )
