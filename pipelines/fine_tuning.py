"""Going on from weights that were learned before, with other rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pipelines.config import Settings
from pipelines.errors import ConfigError
from pipelines.fitted import Fitted
from pipelines.frequency import Freq
from pipelines.panel import Panel
from pipelines.plan import Plan
from pipelines.preparing import Prepared, prepare, prepare_again

INITIAL: Final = ("bundle",)
"""What training may begin with, beside weights at random."""

# Settings that the weights and what they mean depend on, and those of sizes, which "auto" leaves as they are.
_SAME: Final = (
    "horizon",
    "architecture",
    "head",
    "target",
    "transform",
    "scaling",
    "multivariate",
    "covariates",
)
_OF_SIZES: Final = {
    "season_length": "seasons",
    "lookback": "lookback",
    "filters": "filters",
    "kernel_size": "kernel_size",
    "dilations": "dilations",
    "ensemble": "members",
}
# Sizes that the weights have.
_SIZES: Final = (
    "season_length",
    "lookback",
    "receptive_field",
    "dilations",
    "kernel_size",
    "filters",
    "phases",
    "members",
    "parameters",
    "chunks",
    "origins_per_chunk",
    "past_channels",
    "ahead_features",
    "static_features",
    "known_steps",
    "further_seasons",
    "difference",
    "global_scale",
    "head",
    "fill_gaps",
)
# Of the steps and of the learning rate of a fit from the beginning: what is known need not be learned, and
# large steps would forget it.
_STEPS: Final = 0.25
_RATE: Final = 0.25


def prepare_tuning(settings: Settings, panel: Panel, source: Fitted) -> Prepared:
    """Read a panel as that of a former fit was read, and plan to go on from its weights.

    Args:
        settings: What is asked for: what the weights depend on must be as it was.
        panel: The rows to learn from.
        source: What was learned before.

    Returns:
        What the fit begins with. It takes a quarter of the steps of a fit from the beginning, unless their
        number is given, and a quarter of its learning rate, likewise.

    Raises:
        ConfigError: If the weights are not of these settings or of this frequency.
        PanelError: If the panel cannot be used.
    """
    _check_same(settings, panel, source)
    fresh = prepare(settings, panel)
    own = source.plan
    table, surprises = prepare_again(settings, own, source.covariates, fresh.transform, panel)
    plan = replace(fresh.plan, **{name: getattr(own, name) for name in _SIZES})
    share = _STEPS if settings.max_steps == "auto" else 1.0
    steps = min(plan.steps, max(round(share * plan.steps), 1))
    plan = replace(
        plan,
        steps=steps,
        learning_rate=(_RATE if settings.learning_rate == "auto" else 1.0) * plan.learning_rate,
        seconds=round(plan.seconds * steps / max(plan.steps, 1)),
        notes=(*plan.notes, *surprises, _note(own), *_note_of_intervals(source)),
    )
    return Prepared(table, plan, source.covariates, fresh.transform)


def _check_same(settings: Settings, panel: Panel, source: Fitted) -> None:
    known = {name: getattr(source.settings, name) for name in _SAME}
    known |= {name: getattr(source.plan, size) for name, size in _OF_SIZES.items()}
    other = {
        name: value
        for name, value in known.items()
        if (asked := getattr(settings, name)) != value and asked != "auto" and (asked,) != value
    }
    if other:
        named = ", ".join(f"{name}={getattr(settings, name)!r}" for name in other)
        former = ", ".join(f"{name}={value!r}" for name, value in other.items())
        raise ConfigError(
            "A fit that goes on from weights must have the settings that they were learned with. "
            f"Received: {named}, where the weights have {former}; set them back, or fit without initial=."
        )
    if settings.conformal is not None and source.conformal is None:
        raise ConfigError(
            "A fit that goes on from weights has no rows apart to calibrate on: they may have learned any. "
            f"Received: conformal={settings.conformal!r}; set it to None, and call calibrate(df) afterwards, "
            "on rows after those of the fit."
        )
    if panel.freq != Freq.parse(source.plan.freq):
        raise ConfigError(
            "A fit that goes on from weights must have data of the frequency that they were learned with. "
            f"Received: freq={panel.freq.text!r}, where the weights have {source.plan.freq!r}; "
            "fit without initial=."
        )


def _note(plan: Plan) -> str:
    return f"training goes on from weights that were learned from {plan.series:,} series ({plan.rows:,} rows)"


def _note_of_intervals(source: Fitted) -> tuple[str, ...]:
    if source.conformal is None:
        return ()
    return ("intervals keep the calibration of these weights; calibrate(df) on rows after those of this fit",)
