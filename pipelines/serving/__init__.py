"""Forecasters in MLflow's model registry, and behind a server on this machine."""

from pipelines.serving.aliases import Reference, Registered, Registry
from pipelines.serving.registry import load_registered, register

__all__ = ["Reference", "Registered", "Registry", "load_registered", "register"]
