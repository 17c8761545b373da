"""A fitted forecaster as the files of a bundle, and back."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import date
from numbers import Number
from pathlib import Path
from typing import Any, Final

from pipelines.bundle import names_in, read_bundle, write_bundle
from pipelines.config import Settings
from pipelines.covariates import Covariates
from pipelines.errors import BundleError, ConfigError
from pipelines.fitted import Fitted
from pipelines.interval_state import intervals_from_dict, intervals_to_dict
from pipelines.learned import rows_of_plan
from pipelines.panel import Columns, Panel
from pipelines.plan import Plan
from pipelines.runtime import (
    OnnxNetwork,
    check_golden,
    has_onnx_runtime,
    require_onnx_runtime,
    write_golden,
)
from pipelines.transforms import TargetTransform
from pipelines.windows import CovariateState

ONNX: Final = "model.onnx"
"""File of the network for ONNX Runtime, where there is one."""

_CONFIG, _NETWORK, _DATA = "config.json", "model.keras", "history.parquet"
_STATIC = "static.parquet"  # where there are static covariates
_GOLDEN = "golden.parquet"
_LEARNED = "learned.parquet"  # last row of each series of the fit, where the data are others

_WITHOUT_ONNX: Final = (
    "the bundle has no model.onnx: predicting from it will need TensorFlow; pip install "
    "'tcn-forecasting[onnx]' before saving, or pass onnx=False"
)


def write_fitted(path: Path, fitted: Fitted, onnx: bool | None) -> None:
    """Write what a forecaster has learned.

    Args:
        path: Directory to create, or a bundle to replace.
        fitted: What it has learned.
        onnx: Whether to write the network for ONNX Runtime too; None if that can be done, with a warning if
            not.

    Raises:
        BundleError: If the path holds something else, or the ids are not of one plain type.
        ConfigError: If ONNX is asked for and its packages are not installed.
    """
    panel, network, covariates = fitted.panel, fitted.network, fitted.covariates
    _check_ids(panel)
    from pipelines.network import can_export_onnx, export_network, forecast_last, save_network

    if onnx is None:
        onnx = can_export_onnx()
        if not onnx:
            warnings.warn(_WITHOUT_ONNX, UserWarning, stacklevel=3)
    state = {
        "params": _plain_params(dict(fitted.settings)),
        "plan": fitted.plan.to_dict(),
        "history": fitted.history,
        "calibration": fitted.calibration,
        "nonnegative": fitted.nonnegative,
        "is_sample": fitted.is_sample,
        "quantiles": list(network.quantiles),
        "columns": list(panel.columns),
        "covariates": None if covariates is None else covariates.to_dict(),
        "transform": None if fitted.transform is None else fitted.transform.to_list(),
        "intervals": intervals_to_dict(fitted),
    }
    golden = fitted.golden_inputs()
    rows, static = panel.to_frame(), panel.static_frame()
    writers: dict[str, Callable[[Path], None]] = {
        _NETWORK: lambda file: save_network(network, file),
        _DATA: lambda file: rows.to_parquet(file, index=False),
        _GOLDEN: lambda file: write_golden(file, golden, forecast_last(network, golden)),
    }
    if onnx:
        writers[ONNX] = lambda file: export_network(network, file, "onnx")
    if fitted.learned is not None:
        ends = fitted.learned.to_frame()
        writers[_LEARNED] = lambda file: ends.to_parquet(file, index=False)
    if panel.static:
        writers[_STATIC] = lambda file: static.to_parquet(file, index=False)
    write_bundle(path, {_CONFIG: state}, writers)


def runtime_of(path: Path) -> str:
    """Choose what to forecast with: ONNX Runtime where it is installed and the bundle has a network for it.

    Args:
        path: Directory of the bundle.

    Returns:
        "onnx" or "keras".

    Raises:
        BundleError: If it is not a bundle, or of an unknown format.
    """
    return "onnx" if ONNX in names_in(path) and has_onnx_runtime() else "keras"


def read_fitted(path: Path, runtime: str, threads: int = 2) -> tuple[dict[str, Any], Fitted]:
    """Read what ``write_fitted`` wrote.

    Args:
        path: Directory of the bundle.
        runtime: "keras" or "onnx": what the network will be computed with.
        threads: Threads of ONNX Runtime for one batch.

    Returns:
        Arguments of the forecaster, and what it has learned.

    Raises:
        BundleError: If it is damaged, changed, not a bundle, or without what the runtime needs; and if ONNX
            Runtime makes other forecasts of the network than Keras made when it was saved.
        ConfigError: If there is no such runtime, or ONNX Runtime is not installed.
    """
    if runtime not in ("keras", "onnx"):
        raise ConfigError(f"runtime must be 'keras' or 'onnx'. Received: {runtime!r}.")
    if runtime == "onnx":
        require_onnx_runtime()
    files = read_bundle(path)
    if runtime == "onnx" and not {ONNX, _GOLDEN} <= set(files):
        raise BundleError(
            f"Forecasting with runtime='onnx' needs a bundle with {ONNX}. Received: {path}, without; "
            "load it with Keras and save it again where 'tcn-forecasting[onnx]' is installed."
        )
    missing = {_CONFIG, _NETWORK, _DATA} - set(files)
    if missing:
        raise BundleError(
            f"A forecaster's bundle must hold {', '.join(sorted(missing))}. Received: {path}, without."
        )
    try:
        return _restored(files, runtime, threads)
    except BundleError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise BundleError(
            f"A bundle must come from a version like this one. Received: {path}, whose content does not "
            f"fit ({error}); fit and save again."
        ) from error


def _restored(files: dict[str, Path], runtime: str, threads: int) -> tuple[dict[str, Any], Fitted]:
    import pandas as pd

    state = json.loads(files[_CONFIG].read_text(encoding="utf-8"))
    params, covariates = state["params"], state.get("covariates")
    if params.get("covariates") is not None:
        params["covariates"] = Covariates(**params["covariates"])
    settings, plan = Settings.of(params), Plan.from_dict(state["plan"])
    panel = Panel.from_frame(
        pd.read_parquet(files[_DATA]),
        plan.freq,
        **Columns(*state["columns"])._asdict(),
        covariates=settings.covariates,
        static=pd.read_parquet(files[_STATIC]) if _STATIC in files else None,
    )
    return params, Fitted(
        settings=settings,
        panel=panel,
        plan=plan,
        network=_load_keras(files) if runtime == "keras" else _load_onnx(files, state["quantiles"], threads),
        history=state["history"],
        calibration=state["calibration"],
        nonnegative=state["nonnegative"],
        is_sample=state.get("is_sample", False),
        covariates=None if covariates is None else CovariateState.from_dict(covariates),
        transform=TargetTransform.from_list(state["transform"]) if state.get("transform") else None,
        learned=_ends(files, plan, panel),
        **intervals_from_dict(state.get("intervals", {})),
    )


def _ends(files: dict[str, Path], plan: Plan, panel: Panel) -> Panel | None:
    """Last row of each series that was learned from, None if those are all rows of the panel."""
    import pandas as pd

    if _LEARNED in files:
        return Panel.from_frame(pd.read_parquet(files[_LEARNED]), plan.freq, **panel.columns._asdict())
    return None if plan.rows == panel.n_rows else rows_of_plan(panel, plan.rows).tail(1)


def _load_keras(files: dict[str, Path]) -> Any:
    from pipelines.network import load_network

    return load_network(files[_NETWORK])


def _load_onnx(files: dict[str, Path], quantiles: list[float], threads: int) -> OnnxNetwork:
    network = OnnxNetwork(files[ONNX], quantiles, threads)
    check_golden(files[_GOLDEN], network)
    return network


def _check_ids(panel: Panel) -> None:
    """Only ids that a file gives back as they were can be saved."""
    kinds = list({type(name) for name in panel.ids.tolist()})
    if len(kinds) > 1 or not issubclass(kinds[0], str | Number | date):
        raise BundleError(
            "Ids of a saved forecaster must be all numbers, all text or all dates. Received: "
            f"{', '.join(sorted(kind.__name__ for kind in kinds))}; turn them into text before the fit."
        )


def _plain_params(params: dict[str, Any]) -> dict[str, Any]:
    """Arguments as JSON holds them."""
    plain = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in params.items()}
    plain["covariates"] = None if params["covariates"] is None else params["covariates"].to_dict()
    freq = plain["freq"]
    plain["freq"] = (
        freq if freq is None or isinstance(freq, (str, int)) else getattr(freq, "freqstr", str(freq))
    )
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
