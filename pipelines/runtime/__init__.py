"""Forecasts of a saved network with NumPy and ONNX Runtime, without TensorFlow and Keras."""

from pipelines.runtime.gathering import Floats, gather
from pipelines.runtime.golden import TOLERANCE, check_golden, write_golden
from pipelines.runtime.onnx_network import OnnxNetwork, has_onnx_runtime, require_onnx_runtime

__all__ = [
    "TOLERANCE",
    "Floats",
    "OnnxNetwork",
    "check_golden",
    "gather",
    "has_onnx_runtime",
    "require_onnx_runtime",
    "write_golden",
]
