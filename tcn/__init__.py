"""Temporal convolutions for Keras 3: layers, heads, losses and models that run on any Keras backend.

Names are imported when they are first used, so that `tcn.receptive_field` needs no deep-learning framework.
"""

from importlib import import_module
from typing import Any

__all__ = ["ForkingTCN", "dilations_for", "pinball"]

_HOME = {"ForkingTCN": "models", "dilations_for": "receptive_field", "pinball": "losses"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tcn' has no attribute {name!r}")
    value = getattr(import_module(f"tcn.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
