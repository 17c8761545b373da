"""Temporal convolutions for Keras 3: layers, heads, losses and models that run on any Keras backend.

Names are imported when they are first used, so that `tcn.receptive_field` needs no deep-learning framework.
Keras knows the classes by name as soon as both `tcn` and `keras` have been imported, in either order:
`keras.saving.load_model` needs no `custom_objects`.
"""

from importlib import import_module
from typing import Any

from tcn._registration import register_with_keras

_HOME = {
    "layers": [
        "CausalConv1D",
        "CausalDepthwiseConv1D",
        "GatedBlock",
        "InceptionBlock",
        "ResidualBlock",
        "SeparableBlock",
        "WeightNormalization",
    ],
    "models": [
        "AutoregressiveWaveNet",
        "BidirectionalTCN",
        "ForkingTCN",
        "InceptionTime",
        "MultiRateTCN",
        "SeparableTCN",
        "SequenceClassifier",
        "SequenceForecaster",
        "TCN",
        "WaveNet",
    ],
    "heads": ["CategoricalHead", "DistributionHead", "MixtureHead", "PointHead", "QuantileHead"],
    "keras_tcn": ["compiled_tcn", "tcn_full_summary"],
    "losses": ["pinball"],
    "receptive_field": ["dilations_for"],
    "streaming": ["Streaming"],
    "ensemble": ["Ensemble"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tcn' has no attribute {name!r}")
    value = getattr(import_module(f"tcn.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_with_keras(
    "tcn.augmentation",
    "tcn.averaging",
    "tcn.distributions",
    "tcn.effective_field",
    "tcn.ensemble",
    "tcn.heads",
    "tcn.inspection",
    "tcn.keras_tcn",
    "tcn.layers",
    "tcn.losses",
    "tcn.members",
    "tcn.memory",
    "tcn.metrics",
    "tcn.models",
    "tcn.mu_law",
    "tcn.ops",
    "tcn.streamable",
    "tcn.stream_inputs",
    "tcn.stream_state",
    "tcn.streaming",
    "tcn.transfer",
)
