"""A saved network on ONNX Runtime: forecasts without TensorFlow and Keras."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.errors import BundleError, ConfigError
from pipelines.runtime.gathering import Floats, Ints, gather
from pipelines.windows import SeriesTable, in_original_units

_THREADS: Final = 2
# Series that are forecast at once: few enough that what the network makes of them stays small.
_BATCH: Final = 128


def has_onnx_runtime() -> bool:
    """Whether ONNX Runtime is installed."""
    return find_spec("onnxruntime") is not None


def require_onnx_runtime() -> None:
    """Check that ONNX Runtime is installed.

    Raises:
        ConfigError: If not.
    """
    if not has_onnx_runtime():
        raise ConfigError(
            "Forecasting with runtime='onnx' needs ONNX Runtime. Received: an environment without it; "
            "pip install 'tcn-forecasting[predict]'."
        )


class OnnxNetwork:
    """The last origin of a network, as ``pipelines.network.export_network`` wrote it.

    Args:
        path: File.
        quantiles: Probabilities of its outputs.
        threads: Threads that compute one batch. For one series a single one is as fast, and need not wait for
            another where the machine is busy.

    Attributes:
        quantiles: Probabilities of its outputs.
        context: Rows before an origin that its forecast depends on.

    Raises:
        BundleError: If the file is no such network.
    """

    quantiles: tuple[float, ...]
    context: int

    def __init__(self, path: Path, quantiles: Sequence[float], threads: int = _THREADS) -> None:
        self.quantiles = tuple(quantiles)
        self._session = _session(path, threads)
        inputs = {each.name: each.shape for each in self._session.get_inputs()}
        outputs = [each.shape[2:] for each in self._session.get_outputs()]
        if "series" not in inputs or outputs != [[len(self.quantiles)]]:
            raise BundleError(
                f"{path} must be a network that was saved with a forecaster. Received: one with the inputs "
                f"{sorted(inputs)} and {len(outputs)} outputs; save the bundle again."
            )
        self.context = inputs["series"][1] - 1

    def __call__(self, inputs: dict[str, Floats]) -> Floats:
        """Compute quantiles ``(series, horizon, quantiles)`` in the units of the inputs."""
        [quantiles] = self._session.run(None, inputs)
        return np.asarray(quantiles)

    def forecast(
        self, table: SeriesTable, series: Ints, newest: Ints, count: int = 1, step: int = 1
    ) -> npt.NDArray[np.float64]:
        """Forecast from ``count`` origins of each given series, ``step`` rows apart.

        Args:
            table: The series.
            series: ``(runs,)`` positions of series.
            newest: ``(runs,)`` row of the newest origin of each run.
            count: Origins in a run.
            step: Rows from one origin to the next.

        Returns:
            ``(runs, count, horizon, quantiles)`` in the original units, oldest origin first. Origins before a
            series' first row hold forecasts without meaning.
        """
        origins = newest[:, None] - step * np.arange(count - 1, -1, -1)
        which, last = np.repeat(series, count), origins.ravel()
        last = np.maximum(last, table.indptr[which])
        parts = [
            self(gather(table, which[some], last[some], self.context + 1))
            for some in (slice(i, i + _BATCH) for i in range(0, len(which), _BATCH))
        ]
        out = np.concatenate(parts)
        return in_original_units(out.reshape(*origins.shape, *out.shape[1:]), table, series, origins)


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class of errors for each of its codes
        raise BundleError(
            f"{path} cannot be read by ONNX Runtime ({error}); save the bundle again."
        ) from None
