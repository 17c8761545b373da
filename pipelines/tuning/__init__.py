"""Search for hyper-parameters: every trial is scored on the same rolling origins.

Names are imported when they are first used.

Example:
    >>> from pipelines.tuning import SearchSpace
    >>> SearchSpace({"filters": [16, 32], "head": ["quantile", "normal"]}).size
    4
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
