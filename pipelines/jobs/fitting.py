"""A fit as the stages of a job."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError
from pipelines.forecaster import Forecaster
from pipelines.jobs.memory import check_memory
from pipelines.jobs.warned import warnings_as_notes
from pipelines.wording import percent

if TYPE_CHECKING:
    from pipelines.jobs.stages import Stages
    from pipelines.panel import Panel
    from pipelines.store import PanelStore


def plan(
    forecaster: Forecaster, rows: Panel | PanelStore, stages: Stages, initial: str | None = None
) -> None:
    """Plan a fit, tell of the plan, and see that the machine can hold it.

    Args:
        forecaster: What will be fitted.
        rows: Rows to learn from.
        stages: Where to show and measure the stage.
        initial: What training begins with; see ``Forecaster.fit``.

    Raises:
        ConfigError: If the fit takes more memory than there is, or the weights are those of other settings.
    """
    with stages("plan"):
        planned = forecaster.plan(rows, initial=initial)
        stages.progress.planned(planned)
        check_memory(planned)


def fit(
    forecaster: Forecaster,
    rows: Panel | PanelStore,
    stages: Stages,
    *callbacks: Callable[[dict[str, Any]], None],
    initial: str | None = None,
) -> Forecaster:
    """Fit, the import of TensorFlow as a stage of its own.

    Args:
        forecaster: What to fit.
        rows: Rows to learn from.
        stages: Where to show and measure the stages.
        *callbacks: Each takes the record of every epoch.
        initial: What training begins with; see ``Forecaster.fit``.

    Returns:
        The forecaster.
    """
    load_tensorflow(stages)
    with stages("fit"):
        return forecaster.fit(rows, callbacks=(stages.progress.epoch, *callbacks), initial=initial)


def calibrate(forecaster: Forecaster, panel: Panel, method: str, stages: Stages) -> None:
    """Calibrate intervals on rows that were not learned, and tell what that changes.

    Args:
        forecaster: A fitted one.
        panel: All rows.
        method: "split" or "adaptive".
        stages: Where to show and measure the stage.
    """
    with stages("calibrate"), warnings_as_notes(stages):
        forecaster.calibrate(panel, method=method)
        shares = coverage_shares(forecaster)
        for level in forecaster.settings_.levels:
            before, after = (shares.get(f"coverage_{level:g}_{when}", nan) for when in ("before", "after"))
            stages.progress.note(
                f"{percent(before)} of held-out values lie in the {level:g} % intervals before calibration, "
                f"{percent(after)} after"
            )


def coverage_shares(forecaster: Forecaster) -> dict[str, float]:
    """Shares of values that intervals held before and after calibration, over all steps ahead.

    Args:
        forecaster: A calibrated one.

    Returns:
        Share by names such as ``coverage_80_before`` and ``coverage_80_after``; none after where there were
        too few windows to leave any out.
    """
    coverage = forecaster.coverage_
    rows = coverage[coverage["step"] == "all"].set_index("level")
    shares = {
        f"coverage_{level:g}_{when}": float(rows.loc[level, f"coverage_{when}"])
        for level in rows.index
        for when in ("before", "after")
    }
    return {name: share for name, share in shares.items() if isfinite(share)}


def load_tensorflow(stages: Stages) -> None:
    """Import the modules that need TensorFlow, which takes seconds the first time.

    Args:
        stages: Where to show and measure it.

    Raises:
        ConfigError: TensorFlow is not installed.
    """
    with stages.loading("TensorFlow"):
        _find_devices()


def check_tensorflow() -> None:
    """See that TensorFlow is there, without its import.

    Raises:
        ConfigError: It is not installed.
    """
    for name in ("tensorflow", "keras"):
        if find_spec(name) is None:
            raise ConfigError(
                f"This needs TensorFlow and Keras. Received: an environment without {name}; "
                "pip install tcn-forecasting. Without it, only bundles with model.onnx can be forecast from."
            )


def load_forecaster(bundle: str | Path, stages: Stages) -> Forecaster:
    """Load a saved forecaster with Keras.

    Args:
        bundle: Folder of the bundle.
        stages: Where to show and measure the stages.

    Returns:
        The forecaster.

    Raises:
        BundleError: The bundle is missing or damaged.
        ConfigError: TensorFlow is not installed.
    """
    load_tensorflow(stages)
    with stages("read the bundle"):
        return Forecaster.load(bundle)


def _find_devices() -> None:
    check_tensorflow()
    from pipelines.training import find_devices

    find_devices()
