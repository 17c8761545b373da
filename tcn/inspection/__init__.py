"""Looking inside networks: what they react to, what they compute, and what they make of the past.

Everything here takes a model as it is, leaves it as it is, and returns arrays.
"""

from tcn.inspection.contributions import Contributions, contributions
from tcn.inspection.embeddings import Neighbors, embeddings, nearest
from tcn.inspection.fields import EffectiveField, effective_field, measured_receptive_field
from tcn.inspection.filters import Filters, FrequencyResponse, first_layer_filters, frequency_response
from tcn.inspection.forecasts import ForecastContributions, forecast_contributions
from tcn.inspection.occlusion import occlusion
from tcn.inspection.origin_embeddings import origin_embeddings
from tcn.inspection.origins import OriginContributions, origin_contributions
from tcn.inspection.recording import activations, layers_by_path
from tcn.inspection.stretches import Stretches, highest_stretches, top_stretches
from tcn.inspection.units import BlockUnits, block_units

__all__ = [
    "BlockUnits",
    "Contributions",
    "EffectiveField",
    "Filters",
    "ForecastContributions",
    "FrequencyResponse",
    "Neighbors",
    "OriginContributions",
    "Stretches",
    "activations",
    "block_units",
    "contributions",
    "effective_field",
    "embeddings",
    "first_layer_filters",
    "forecast_contributions",
    "frequency_response",
    "highest_stretches",
    "layers_by_path",
    "measured_receptive_field",
    "nearest",
    "occlusion",
    "origin_contributions",
    "origin_embeddings",
    "top_stretches",
]
