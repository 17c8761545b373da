"""From a plan to a network, and from a network to forecasts."""

from pipelines.network.augmenting import jittered, stretched
from pipelines.network.build import build_network, load_network, save_network
from pipelines.network.chunks import ChunkGatherer
from pipelines.network.export import can_export_onnx, export_network, forecast_last
from pipelines.network.feeding import Feed, feed_of
from pipelines.network.flat_weights import FlatWeights
from pipelines.network.gather import DeviceTable
from pipelines.network.objectives import error_of
from pipelines.network.onepass import forecast_origins
from pipelines.network.parts import sizes_of_parts

__all__ = [
    "ChunkGatherer",
    "DeviceTable",
    "Feed",
    "FlatWeights",
    "build_network",
    "can_export_onnx",
    "error_of",
    "export_network",
    "feed_of",
    "forecast_last",
    "forecast_origins",
    "jittered",
    "load_network",
    "save_network",
    "sizes_of_parts",
    "stretched",
]
