"""Jobs: what the commands do, as functions that read like the flow of the data.

Names are imported when they are first used: a forecast from a bundle needs little of what a fit needs.
"""

import lazy_loader

# What there is stands in __init__.pyi, where editors look for it too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
