"""Where forecasts come from: past steps, covariates, and parts of the network.

``pipelines.explain`` is the way in.
"""

from pipelines.explaining.explanation import FRAMES, Explanation
from pipelines.explaining.insides import Field
from pipelines.explaining.making import explain

__all__ = ["FRAMES", "Explanation", "Field", "explain"]
