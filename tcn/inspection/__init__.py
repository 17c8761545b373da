"""Looking inside networks: what they react to, what they compute, and what they make of the past.

Everything here takes a model as it is, leaves it as it is, and returns arrays.
"""

from tcn.inspection.contributions import Contributions, contributions
from tcn.inspection.occlusion import occlusion
from tcn.inspection.recording import activations, layers_by_path

__all__ = ["Contributions", "activations", "contributions", "layers_by_path", "occlusion"]
