"""A search space that is derived from the data, and the cheap settings that trials train with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.config import Settings
from pipelines.tuning.domains import Choice, Domain, LogUniform
from pipelines.tuning.space import SearchSpace
from pipelines.windows.demand import demand_counts, demand_note

if TYPE_CHECKING:
    from pipelines.panel import Panel
    from pipelines.plan import Plan


def cheap(settings: Settings) -> Settings:
    """Settings of trials: one member and a quarter of the steps, where nobody has set them.

    What is good for one member, trained briefly, is mostly good for many: the search compares, and what it
    finds is trained in full.

    Args:
        settings: What the forecaster was asked for.

    Returns:
        Settings without calibration on rows of their own.

    Example:
        >>> cheap(Settings(horizon=12)).preset, cheap(Settings(horizon=12, ensemble=3)).ensemble
        ('fast', 3)
    """
    changed: dict[str, Any] = {"conformal": None, "preset": "fast"}
    if settings.ensemble == "auto":
        changed["ensemble"] = 1
    return settings.model_copy(update=changed)


def default_space(settings: Settings, plan: Plan, panel: Panel, whole: Panel | None = None) -> SearchSpace:
    """Choose what to search around what a plan derives; what was set by hand stays as it is.

    Args:
        settings: What trials share.
        plan: What is derived from them for the rows of the search.
        panel: These rows.
        whole: All rows, which every transform must suit; None if these are all.

    Returns:
        The space.
    """
    domains: dict[str, Domain] = {"lookback": _lookbacks(plan, panel)}
    domains |= {"filters": Choice(16, 32, 64), "kernel_size": Choice(2, 3, 5), "dilations": _dilations(plan)}
    domains = {name: domain for name, domain in domains.items() if getattr(settings, name) == "auto"}
    if settings.learning_rate == "auto":
        domains["learning_rate"] = LogUniform(5e-4, 8e-3)
    if not settings.jitter:
        domains["jitter"] = Choice(0.0, 0.05, 0.2)
    if settings.architecture == "tcn":
        domains["architecture"] = Choice("tcn", "wavenet")
    if settings.head == "quantile":
        # Zeros must stay zeros for the head that forecasts how often they are.
        zeros = (
            _is_intermittent(panel) and settings.transform is None and settings.scaling in ("auto", "origin")
        )
        domains["head"] = Choice("quantile", *["hurdle"] * zeros, "normal", "laplace")
        if settings.transform is None and not zeros:
            domains["transform"] = Choice(None, "log" if _is_positive(whole or panel) else "asinh")
        if settings.scaling == "auto" and panel.n_series == 1 and not zeros:
            domains["scaling"] = Choice("origin", "global")
    return SearchSpace(domains)


def _lookbacks(plan: Plan, panel: Panel) -> Choice:
    """A quarter and a half of what the plan looks back, that, and twice as much where series are long."""
    usual = plan.lookback
    least = max(plan.season_length + 1, 4)
    longest = max(int(panel.lengths.max()) // 2, usual)
    found = {min(max(steps, least), longest) for steps in (usual // 4, usual // 2, usual, 2 * usual)}
    return Choice(*sorted(found)) if len(found) > 1 else Choice(usual, usual + 1)


def _dilations(plan: Plan) -> Choice:
    """Dilations of the plan, one fewer, and one more where the stack sees less than the look-back."""
    usual = plan.dilations
    more = (*usual, 2 * usual[-1])
    options = [usual[:-1]] * (len(usual) > 1) + [usual]
    if plan.receptive_field <= plan.lookback or len(options) < 2:
        options.append(more)
    return Choice(*options)


def _is_positive(panel: Panel) -> bool:
    return bool(np.nanmin(panel.values, initial=np.inf) > 0)


def _is_intermittent(panel: Panel) -> bool:
    return demand_note(demand_counts(panel.values, panel.indptr)) is not None
