from .domains import Choice, IntRange, LogUniform, Uniform
from .searching import tune
from .space import SearchSpace
from .tuned import Tuned

__all__ = ["Choice", "IntRange", "LogUniform", "SearchSpace", "Tuned", "Uniform", "tune"]
