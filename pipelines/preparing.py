"""From a panel to what the network reads of it: learned by a fit, and the same for any other panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from pipelines.config import Settings
from pipelines.panel import CovariateColumn, Panel
from pipelines.plan import Plan, check_size, make_plan, scaling_of, seasons_of
from pipelines.transforms import TargetTransform, series_table
from pipelines.windows import CovariateState, SeriesTable, add_channels, with_channels

# Members with a global scale clip what they see at so many spreads.
_LARGEST_SEEN: Final = 10
# Values from which on a series has shown a change, or that there is none.
_LEAST_KNOWN: Final = 2


class Prepared(NamedTuple):
    """What a fit begins with.

    Attributes:
        table: The series.
        plan: What will be done.
        covariates: What was learned of the covariates; None if there are none.
        transform: What was learned of how to transform the target; None if it is taken as it is.
    """

    table: SeriesTable
    plan: Plan
    covariates: CovariateState | None
    transform: TargetTransform | None


def prepare(settings: Settings, panel: Panel) -> Prepared:
    """Learn from a panel how to read it, and plan a fit.

    Args:
        settings: What was asked for.
        panel: The rows of the fit.

    Returns:
        What the fit begins with.

    Raises:
        PanelError: If the panel cannot be used.
        ConfigError: If the settings do not fit it.
    """
    check_size(panel)
    seasons, one_scale = seasons_of(settings, panel), scaling_of(settings, panel) != "origin"
    transform = TargetTransform.fit(settings.transform, panel, seasons[0], one_scale)
    table = series_table(panel, seasons, transform, one_scale)
    asked = settings.covariates
    if settings.multivariate:
        asked = add_channels(asked, panel)
    notes = () if transform is None else (transform.note,)
    if asked is None:
        plan = make_plan(settings, panel, table)
        return Prepared(table, replace(plan, notes=(*plan.notes, *notes)), None, transform)
    beside = _with_channels(panel, transform, channels(settings, asked.past))
    state = CovariateState.fit(asked, beside, settings.horizon, seasons[0])
    table = replace(table, covariates=state.table(beside))
    plan = make_plan(settings, panel, table)
    return Prepared(table, replace(plan, notes=(*plan.notes, *notes, *state.notes(beside))), state, transform)


def prepare_again(
    settings: Settings,
    plan: Plan,
    covariates: CovariateState | None,
    transform: TargetTransform | None,
    panel: Panel,
    future: tuple[CovariateColumn, ...] = (),
) -> tuple[SeriesTable, tuple[str, ...]]:
    """Read another panel as that of the fit was read.

    Args:
        settings: What was asked for.
        plan: What the fit derived.
        covariates: What it learned of the covariates.
        transform: What it learned of how to transform the target.
        panel: The series.
        future: What is known of the steps after them.

    Returns:
        The table, and lines about what the fit did not know.

    Raises:
        PanelError: If the panel cannot be used.
    """
    table = series_table(panel, plan.seasons, transform, bool(plan.global_scale))
    notes = _far_away(table, panel) if plan.global_scale else ()
    if covariates is None:
        return table, notes
    beside = _with_channels(panel, transform, channels(settings, covariates.covariates.past))
    table = replace(table, covariates=covariates.table(beside, future))
    return table, (*notes, *covariates.surprises(beside, future))


def untold(panel: Panel) -> str | None:
    """Say which series are known too little to tell how far they move.

    Args:
        panel: The series.

    Returns:
        A line; None if there are none.
    """
    known = np.add.reduceat(~np.isnan(panel.values), panel.indptr[:-1], dtype=np.int64)
    few = np.flatnonzero(known < _LEAST_KNOWN)
    if not len(few):
        return None
    names = ", ".join(repr(name) for name in panel.ids[few[:3]].tolist()) + ", ..." * (len(few) > 3)
    return (
        f"no value, or a single one, is known of {len(few):,} series ({names}), and is their forecast (0 if "
        "there is none); their intervals have no width, but anything may come"
    )


def _far_away(table: SeriesTable, panel: Panel) -> tuple[str, ...]:
    """A line about series whose level is beyond what members with a global scale can see."""
    last = panel.indptr[1:] - 1
    level = table.base + table.values[last].astype(np.float64) * table.unit
    far = np.flatnonzero(np.abs(level) > _LARGEST_SEEN)
    if not len(far):
        return ()
    names = ", ".join(repr(name) for name in panel.ids[far[:3]].tolist()) + ", ..." * (len(far) > 3)
    return (
        f"the level of {len(far):,} series ({names}) is more than {_LARGEST_SEEN} spreads from the center "
        "that the fit learned, farther than a global scale can see, so that their forecasts are not to be "
        "trusted; fit on rows like these, or with scaling='origin'",
    )


def channels(settings: Settings, past: Sequence[str]) -> tuple[str, ...]:
    """Columns of the series that all see, which come after the past columns that were asked for.

    Args:
        settings: What was asked for.
        past: All past columns.

    Returns:
        Their names, none unless series see each other.
    """
    if not settings.multivariate:
        return ()
    return tuple(past[0 if settings.covariates is None else len(settings.covariates.past) :])


def _with_channels(panel: Panel, transform: TargetTransform | None, names: tuple[str, ...]) -> Panel:
    if not names:
        return panel
    return with_channels(panel if transform is None else transform.apply(panel)[0], names)
