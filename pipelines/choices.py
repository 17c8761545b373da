"""Settings that are one of a few words: for the forecaster and for the command line."""

from __future__ import annotations

from typing import Literal, TypeAlias

Preset: TypeAlias = Literal["fast", "default", "best"]
"""How much training to spend."""

Architecture: TypeAlias = Literal["tcn", "wavenet"]
"""What the dilated stack of the network is made of."""

Head: TypeAlias = Literal["quantile", "hurdle", "normal", "laplace"]
"""What quantiles are made by."""

Loss: TypeAlias = Literal["quantile", "huber", "center"]
"""What training minimizes."""

Transform: TypeAlias = Literal["log", "asinh", "box-cox", "difference"]
"""What to do to the values before the network reads them."""

Scaling: TypeAlias = Literal["origin", "global", "mixed"]
"""What the network sees values relative to."""

Target: TypeAlias = Literal["real", "nonnegative", "count"]
"""What kind of numbers the values are."""

Conformal: TypeAlias = Literal["split", "adaptive"]
"""How intervals are calibrated."""

Calendar: TypeAlias = Literal["auto"]
"""Positions in the calendar that are known ahead."""

ExportFormat: TypeAlias = Literal["onnx", "savedmodel", "litert"]
"""What a network can be written as."""
