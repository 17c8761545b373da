"""From a panel to what the network reads of it: learned by a fit, and the same for any other panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from pipelines.config import Settings
from pipelines.panel import CovariateColumn, Panel
from pipelines.plan import Plan, check_size, make_plan, scaling_of, seasons_of
from pipelines.transforms import TargetTransform, series_table
from pipelines.windows import CovariateState, SeriesTable, add_channels, with_channels


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
    if covariates is None:
        return table, ()
    beside = _with_channels(panel, transform, channels(settings, covariates.covariates.past))
    table = replace(table, covariates=covariates.table(beside, future))
    return table, covariates.surprises(beside, future)


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
