"""Keras layers of temporal convolutions."""

from tcn.layers.causal import CausalConv1D

__all__ = ["CausalConv1D"]
