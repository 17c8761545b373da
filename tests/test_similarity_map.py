"""The map of series shows each at its place, with its own error."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipelines import plots
from pipelines.similarity import Embeddings

NAMES = [f"s{i}" for i in range(12)]
VECTORS = np.random.default_rng(0).normal(size=(12, 4)) + np.repeat([[9.0], [-9.0]], 6, axis=0)
SERIES = Embeddings(np.array(NAMES, object), VECTORS, "shop")


def scores_of(errors, model="TCN"):
    """Those of a backtest, as far as the map looks at them; in another order."""
    naive = pd.DataFrame({"model": "SeasonalNaive", "shop": NAMES, "mase": 1.0, "wql": 2.0})
    own = pd.DataFrame({"model": model, "shop": list(errors), "mase": errors.values(), "wql": 0.5})
    return SimpleNamespace(by_series=pd.concat([naive, own[::-1]], ignore_index=True))


def test_errors_are_those_of_the_series_and_rings_have_none():
    errors = {name: float(i) for i, name in enumerate(NAMES) if name != "s3"}
    colored, ring = plots.similarity_map(SERIES, scores_of(errors), seed=1).data
    for name, text, value in zip(colored.text, colored.customdata, colored.marker.color, strict=True):
        assert value == errors[name]
        assert text.startswith(f"<b>{name}</b><br>like ")
        assert text.endswith(f"<br>MASE {value:.4g}")
    assert len(colored.x) == 11
    assert (ring.name, ring.marker.symbol) == ("no MASE", "circle-open")
    assert ring.text == ("s3",)
    (baseline,) = plots.similarity_map(SERIES, scores_of(errors), "wql", model="SeasonalNaive").data
    assert set(baseline.marker.color) == {2.0}


def test_lengths_of_vectors_do_not_matter_and_places_keep_groups():
    one = plots.similarity_map(SERIES).data[0]
    longer = VECTORS * np.random.default_rng(1).uniform(1, 9, (12, 1))
    same = plots.similarity_map(Embeddings(SERIES.ids, longer, "shop")).data[0]
    assert one.customdata == same.customdata
    place = np.stack([one.x, one.y], axis=1)
    apart = np.linalg.norm(place[:, None] - place, axis=-1) + np.diag([np.inf] * 12)
    assert (apart.argmin(axis=1) // 6 == np.arange(12) // 6).all()


def test_names_of_many_series_do_not_stand_in_the_way():
    many = Embeddings(
        np.array([f"m{i:02}" for i in range(31)], object), np.random.default_rng(0).normal(size=(31, 3))
    )
    (trace,) = plots.similarity_map(many).data
    assert trace.mode == "markers"
    assert trace.text[4].startswith("<b>m04</b>")


def test_unknown_metrics_and_models_are_named():
    scores = scores_of(dict.fromkeys(NAMES, 1.0))
    for asked in ({"metric": "mape"}, {"model": "Drift"}):
        with pytest.raises(ValueError, match="for SeasonalNaive, TCN with mase, wql"):
            plots.similarity_map(SERIES, scores, **asked)
