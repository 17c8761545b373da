"""Temporal convolutions for Keras 3: layers, heads, losses and models that run on any Keras backend.

Names are imported when they are first used, so that `tcn.receptive_field` needs no deep-learning framework.
Keras knows the classes by name as soon as both `tcn` and `keras` have been imported, in either order:
`keras.saving.load_model` needs no `custom_objects`.
"""

import lazy_loader

from tcn._registration import register_with_keras

# What there is stands in __init__.pyi, where editors look for it too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register_with_keras(
    "tcn.augmentation",
    "tcn.averaging",
    "tcn.distributions",
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
    "tcn.streaming",
    "tcn.transfer",
)
