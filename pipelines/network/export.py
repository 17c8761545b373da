"""Networks in formats that other programs run: the forecast at the last origin, with its weights."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.errors import ConfigError
from tcn.models import ForkingTCN

_OPSET: Final = 17
_NO_NUMPY_2: Final = "In the future `np.object` will be defined"


def can_export_onnx() -> bool:
    """Whether the packages that write ONNX are installed."""
    return find_spec("tf2onnx") is not None and find_spec("onnx") is not None


def export_network(network: ForkingTCN, path: Path, to: str) -> None:
    """Write the forecast at the last origin as a program of its own, for batches of any size.

    Inputs are those that ``pipelines.runtime.gather`` makes, by name; the output is ``quantiles``, the mean
    of the members, ``(series, horizon, quantiles)`` in the units of the inputs.

    Args:
        network: The network.
        path: File, or folder of a SavedModel.
        to: "onnx", "savedmodel" or "litert".

    Raises:
        ConfigError: If ONNX is asked for and its packages are not installed.
    """
    {"onnx": _export_onnx, "savedmodel": _export_saved_model, "litert": _export_litert}[to](network, path)


def forecast_last(network: ForkingTCN, inputs: dict[str, npt.NDArray[np.float32]]) -> Any:
    """Compute with Keras what the exported program computes.

    Args:
        network: The network.
        inputs: As ``pipelines.runtime.gather`` makes them.

    Returns:
        ``(series, horizon, quantiles)``.
    """
    return _forecast(network, inputs).numpy()


def _inputs(network: ForkingTCN) -> list[tf.TensorSpec]:
    """Names and shapes of the inputs."""
    shapes = {
        "series": (None, network.context + 1, 5 + network.past_channels),
        "ahead": (None, network.horizon, network.ahead_features),
        "static": (None, network.static_features),
    }
    return [tf.TensorSpec(shape, tf.float32, name) for name, shape in shapes.items() if shape[-1]]


def _forecast(network: ForkingTCN, inputs: dict[str, Any]) -> Any:
    shown = {name: keras.ops.convert_to_tensor(values)[None] for name, values in inputs.items()}
    return keras.ops.mean(network.forecast_members(shown.pop("series"), **shown), axis=0)[:, 0]


def _function(network: ForkingTCN) -> Any:
    specs = _inputs(network)

    @tf.function(autograph=False, input_signature=specs)
    def forecast(*values: Any) -> dict[str, Any]:
        names = [spec.name for spec in specs]
        return {"quantiles": _forecast(network, dict(zip(names, values, strict=True)))}

    return forecast


def _export_onnx(network: ForkingTCN, path: Path) -> None:
    if not can_export_onnx():
        raise ConfigError(
            "Writing ONNX needs the packages onnx and tf2onnx. Received: an environment without them; "
            "pip install 'tcn-forecasting[onnx]'."
        )
    with _level_kept(logging.getLogger("tensorflow")):  # tf2onnx sets it, and leaves it so
        with warnings.catch_warnings():
            # tf2onnx looks for a name that NumPy 2 no longer has.
            warnings.filterwarnings("ignore", _NO_NUMPY_2, FutureWarning)
            import tf2onnx

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)  # it tells of every step
        tf2onnx.convert.from_function(
            _function(network), _inputs(network), opset=_OPSET, output_path=str(path)
        )


@contextmanager
def _level_kept(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    try:
        yield
    finally:
        logger.setLevel(level)


def _export_saved_model(network: ForkingTCN, path: Path) -> None:
    module, function = _module(network)
    tf.saved_model.save(module, str(path), signatures={"serving_default": function})


def _export_litert(network: ForkingTCN, path: Path) -> None:
    module, function = _module(network)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    path.write_bytes(converter.convert())


def _module(network: ForkingTCN) -> tuple[tf.Module, Any]:
    """A module that holds the function and its weights."""
    module = tf.Module()
    module.forecast = _function(network)
    module.weights = [variable.value for variable in network.variables]
    return module, module.forecast
