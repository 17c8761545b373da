"""From a plan to a network, and from a network to forecasts."""

from pipelines.network.attribution import forecast_inputs, integrated_gradients, used_field
from pipelines.network.augmenting import jittered, stretched
from pipelines.network.build import build_network, load_network, save_network
from pipelines.network.chunks import ChunkGatherer
from pipelines.network.export import can_export_onnx, export_network, forecast_last
from pipelines.network.feeding import Feed, feed_of
from pipelines.network.filters import channels_of_stack, first_filters
from pipelines.network.flat_weights import FlatWeights
from pipelines.network.gather import DeviceTable
from pipelines.network.objectives import error_of
from pipelines.network.onepass import forecast_origins
from pipelines.network.parts import parts_of_forecasts, sizes_of_parts
from tcn.inspection import block_units, frequency_response, highest_stretches

__all__ = [
    "ChunkGatherer",
    "DeviceTable",
    "Feed",
    "FlatWeights",
    "block_units",
    "build_network",
    "can_export_onnx",
    "channels_of_stack",
    "error_of",
    "export_network",
    "feed_of",
    "first_filters",
    "forecast_inputs",
    "forecast_last",
    "forecast_origins",
    "frequency_response",
    "highest_stretches",
    "integrated_gradients",
    "jittered",
    "load_network",
    "parts_of_forecasts",
    "save_network",
    "sizes_of_parts",
    "stretched",
    "used_field",
]
