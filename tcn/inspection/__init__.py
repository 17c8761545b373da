"""Looking inside networks: what they react to, what they compute, and what they make of the past.

Everything here takes a model as it is, leaves it as it is, and returns arrays.
"""

from tcn.inspection.occlusion import occlusion

__all__ = ["occlusion"]
