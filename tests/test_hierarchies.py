"""Forecasts of a hierarchy go unchanged into hierarchicalforecast."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from page_code import run_code_of
from small_forecasters import HORIZON, fitted, weekly

pytest.importorskip("hierarchicalforecast", reason="needs the extra hierarchy")

from hierarchicalforecast.core import HierarchicalReconciliation
from hierarchicalforecast.methods import BottomUp, MinTrace
from hierarchicalforecast.utils import aggregate

pytestmark = pytest.mark.usefixtures("eagerly")

SPEC = [["country"], ["country", "state"], ["country", "state", "city"]]
METHODS = [BottomUp(), MinTrace("ols"), MinTrace("wls_var"), MinTrace("mint_shrink")]


def levels_of(kind):
    days = pd.date_range("2024-01-01", periods=40)
    cities = [("S1", "a b"), ("S1", "c"), ("S 2", "d"), ("S 2", "e & f")]
    parts = [
        pd.DataFrame({"country": "All", "state": s, "city": c, "ds": days, "y": 20 + weekly(40, i)})
        for i, (s, c) in enumerate(cities)
    ]
    return aggregate(kind(pd.concat(parts, ignore_index=True)), SPEC)


@pytest.mark.parametrize("kind", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_forecasts_of_all_levels_are_reconciled(kind):
    frame, sums, tags = levels_of(kind)
    f = fitted()
    forecast, insample = f.predict(frame), f.fitted_values(frame)
    # Ids with slashes and spaces are those of the tags.
    assert set(forecast["unique_id"]) == set(np.concatenate([*tags.values()]))
    assert type(forecast) is type(insample) is type(frame)
    found = HierarchicalReconciliation(METHODS).reconcile(
        Y_hat_df=forecast, Y_df=insample, S_df=sums, tags=tags, level=[80]
    )
    matrix = sums.to_pandas() if isinstance(sums, pl.DataFrame) else sums
    matrix = matrix.set_index("unique_id").astype(float)
    for method in (
        "BottomUp",
        "MinTrace_method-ols",
        "MinTrace_method-wls_var",
        "MinTrace_method-mint_shrink",
    ):
        wide = pd.DataFrame(
            {
                name: np.asarray(found[name])
                for name in ("unique_id", "ds", f"TCN/{method}", f"TCN/{method}-lo-80")
            }
        ).pivot(index="unique_id", columns="ds", values=f"TCN/{method}")
        assert wide.shape == (len(matrix), HORIZON)
        bottom = wide.loc[matrix.columns]
        np.testing.assert_allclose(wide.loc[matrix.index], matrix.to_numpy() @ bottom.to_numpy(), rtol=1e-6)


def test_the_page_says_what_is_so(monkeypatch):
    assert run_code_of("how-to/hierarchies.md", monkeypatch) == 1


def test_bottom_up_leaves_the_bottom_as_it_is():
    frame, sums, tags = levels_of(lambda frame: frame)
    forecast = fitted().predict(frame)
    found = HierarchicalReconciliation([BottomUp()]).reconcile(Y_hat_df=forecast, S_df=sums, tags=tags)
    bottom = found[found["unique_id"].isin(tags["country/state/city"])]
    np.testing.assert_allclose(bottom["TCN/BottomUp"], bottom["TCN"])
