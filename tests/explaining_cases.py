"""Networks with weights as if they had learned much, and data with columns of every role."""

from dataclasses import replace

import numpy as np
from small_forecasters import frame_of, weekly

from pipelines import Covariates
from pipelines.network import build_network

EVERY_ROLE = Covariates(
    past=["load"],
    future=["temp", "kind"],
    static=["region"],
    calendar="auto",
    holidays="US",
    lags={"load": 3},
)


def rich_frame(n=70):
    """Three series with columns of every role, one of them with gaps."""
    rng = np.random.default_rng(7)
    frame = frame_of({"a": weekly(n, 1), "b": weekly(n, 2, 90.0), "c": weekly(n, 3, 20.0)})
    frame = frame.assign(
        load=rng.normal(size=3 * n),
        temp=rng.normal(size=3 * n),
        kind=rng.choice(["dry", "rain"], 3 * n),
        region=frame["unique_id"].map({"a": "north", "b": "south", "c": "north"}),
    )
    frame.loc[[20, 21, 40, n + 3], "y"] = np.nan
    return frame


def scrambled(forecaster, seed=0):
    """The forecaster with weights that all have values of their own, as if it had learned much."""
    network = build_network(forecaster.plan_, seed)
    rng = np.random.default_rng(seed)
    network.set_weights([w + 0.15 * rng.normal(size=w.shape) for w in network.get_weights()])
    network.shrink.assign(0.8)
    network.widen.assign(1.1)
    forecaster._fitted = replace(forecaster.fitted_, network=network)
    return forecaster
