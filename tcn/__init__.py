"""Temporal convolutions for Keras 3: layers, heads, losses and models that run on any Keras backend.

Names are imported when they are first used, so that `tcn.receptive_field` needs no deep-learning framework.
Keras knows the classes by name as soon as both `tcn` and `keras` have been imported, in either order:
`keras.saving.load_model` needs no `custom_objects`.
"""

from importlib import import_module
from typing import Any

from tcn._registration import register_with_keras

__all__ = ["CausalConv1D", "ForkingTCN", "dilations_for", "pinball"]

_HOME = {
    "CausalConv1D": "layers",
    "ForkingTCN": "models",
    "dilations_for": "receptive_field",
    "pinball": "losses",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tcn' has no attribute {name!r}")
    value = getattr(import_module(f"tcn.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_with_keras("tcn.layers", "tcn.losses", "tcn.members", "tcn.memory", "tcn.models", "tcn.ops")
