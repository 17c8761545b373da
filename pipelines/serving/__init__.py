"""Forecasters in MLflow's model registry, and behind a server on this machine."""

from pipelines.serving.aliases import Reference, Registered, Registry, check_name
from pipelines.serving.registry import load_registered, register, register_next

__all__ = [
    "Reference",
    "Registered",
    "Registry",
    "check_name",
    "load_registered",
    "register",
    "register_next",
]
