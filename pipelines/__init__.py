"""Forecasting pipelines around temporal convolution networks: data, training, backtests, tracking, commands.

Names are imported when they are first used, so ``import pipelines`` loads neither TensorFlow nor pandas.

Example:
    >>> from pipelines import PanelError, datasets
    >>> datasets.names()
    ('bike_sharing', 'nyc_airport_weather', 'us_unemployment')
    >>> issubclass(PanelError, ValueError)
    True
"""

import lazy_loader

__version__ = "0.1.0"

# What there is stands in __init__.pyi, where editors look for it too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
