"""Random changes of series in training, as Keras layers: the identity otherwise."""

from tcn.augmentation.frequency import FrequencyMask, FrequencyMix
from tcn.augmentation.mixing import SeriesMix, WindowMix
from tcn.augmentation.shift import RandomCrop, RandomShift
from tcn.augmentation.values import Jitter, RandomScale, RandomSign
from tcn.augmentation.warp import TimeWarp

__all__ = [
    "FrequencyMask",
    "FrequencyMix",
    "Jitter",
    "RandomCrop",
    "RandomScale",
    "RandomShift",
    "RandomSign",
    "SeriesMix",
    "TimeWarp",
    "WindowMix",
]
