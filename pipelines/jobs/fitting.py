"""A fit as the stages of a job."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster
    from pipelines.jobs.stages import Stages
    from pipelines.panel import Panel


def fit(
    forecaster: Forecaster, panel: Panel, stages: Stages, *callbacks: Callable[[dict[str, Any]], None]
) -> Forecaster:
    """Plan and fit, the import of TensorFlow as a stage of its own.

    Args:
        forecaster: What to fit.
        panel: Rows to learn from.
        stages: Where to show and measure the stages.
        *callbacks: Each takes the record of every epoch.

    Returns:
        The forecaster.
    """
    with stages("plan"):
        stages.progress.planned(forecaster.plan(panel))
    load_tensorflow(stages)
    with stages("fit"):
        return forecaster.fit(panel, (stages.progress.epoch, *callbacks))


def load_tensorflow(stages: Stages) -> None:
    """Import the modules that need TensorFlow, which takes seconds the first time.

    Args:
        stages: Where to show and measure it.
    """
    with stages.loading("TensorFlow"):
        import_module("pipelines.training")
