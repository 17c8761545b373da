"""How much each part of a network adds to its forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.fitted import Fitted
from pipelines.runtime import gather

if TYPE_CHECKING:
    import pandas as pd

_ORIGINS: Final = 16


def forecast_parts(fitted: Fitted) -> pd.DataFrame | None:
    """Divide a few forecasts of the newest data among the parts of the network that they come from.

    Args:
        fitted: What a fit has learned, with a network of Keras.

    Returns:
        A row for each part and step ahead: ``part``, "seasons", "look-back", "dilation 1", ..., ``step``, and
        ``size``, the mean distance that the part moves the median by, in units of the look-back window's
        scale. None with a network of another kind. See ``tcn.inspection.origin_contributions``.
    """
    import pandas as pd

    if not hasattr(fitted.network, "forecast_members"):
        return None
    from pipelines.network import sizes_of_parts

    panel, horizon = fitted.panel, fitted.plan.horizon
    some = np.unique(np.linspace(0, panel.n_series - 1, _ORIGINS).astype(np.int64))
    if not fitted.settings.multivariate:  # series that see each other are shown all of them
        panel, some = panel.select(some), np.arange(len(some))
    each = -(-_ORIGINS // len(some))
    series = np.repeat(some, each)
    # What is known in advance is known of the steps after them.
    origins = panel.indptr[series + 1] - 1 - horizon * (1 + np.tile(np.arange(each), len(some)))
    begins = panel.indptr[series]
    series, origins = np.unique(np.stack([series, np.maximum(origins, begins)]), axis=1)
    inputs = gather(fitted.table_and_notes(panel)[0], series, origins, fitted.network.context + 1)
    sizes = sizes_of_parts(fitted.network, inputs)
    steps = range(1, horizon + 1)
    rows = [pd.DataFrame({"part": name, "step": steps, "size": size}) for name, size in sizes.items()]
    return pd.concat(rows, ignore_index=True)
