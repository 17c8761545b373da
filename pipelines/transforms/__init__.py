"""What is done to the target before the network reads it, and undone after it has forecast.

Every step is monotone in the forecast value, so that quantiles of what the network says are quantiles of the
target. What a step learns, it learns from the rows of the fit; other rows are read with it as it is.
"""

from pipelines.transforms.chain import TargetTransform
from pipelines.transforms.table import TransformedTable, series_table

__all__ = ["TargetTransform", "TransformedTable", "series_table"]
