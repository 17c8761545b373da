from .domains import Choice, IntRange, LogUniform, Uniform
from .space import SearchSpace
from .study import tune
from .tuned import Tuned

__all__ = ["Choice", "IntRange", "LogUniform", "SearchSpace", "Tuned", "Uniform", "tune"]
