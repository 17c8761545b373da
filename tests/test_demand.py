"""Classes of demand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_forecasters import SMALL, frame_of, weekly

from pipelines import Forecaster
from pipelines.windows.demand import CLASSES, demand_classes, demand_counts, demand_note

series_lists = st.lists(
    st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.0, 9.0, 1e200, np.nan]), min_size=1, max_size=20),
    min_size=1,
    max_size=5,
)


@given(series_lists)
def test_classes_are_those_of_a_loop(series):
    indptr = np.cumsum([0, *map(len, series)])
    found = demand_classes(np.array([v for y in series for v in y]), indptr)
    for y, position in zip(series, found, strict=True):
        sizes = [v for v in y if v > 0]
        if not sizes:
            assert position == -1
            continue
        interval = sum(not np.isnan(v) for v in y) / len(sizes)
        scaled = np.array(sizes) / max(sizes)
        variation = scaled.var() / scaled.mean() ** 2
        if abs(variation - 0.49) > 1e-9:
            assert (
                CLASSES[position]
                == {
                    (False, False): "smooth",
                    (False, True): "erratic",
                    (True, False): "intermittent",
                    (True, True): "lumpy",
                }[bool(interval > 1.32), bool(variation > 0.49)]
            )


def test_a_plan_names_them():
    rng = np.random.default_rng(0)
    sales = rng.poisson(0.3, 90).astype(float)
    lumpy = np.where(rng.random(90) < 0.2, np.exp(3 * rng.normal(size=90)), 0.0)
    notes = Forecaster(**SMALL).plan(frame_of({"a": sales, "b": lumpy, "c": weekly(90, 1)})).notes
    assert "demand: 1 smooth, 1 intermittent, 1 lumpy series" in notes


@pytest.mark.parametrize("y", [[0.0, 0.0, 5.0, -1.0], [1.0, 2.0, 3.0], [0.0, np.nan], [np.nan]])
def test_there_is_nothing_to_say_of_other_series(y):
    assert demand_note(demand_counts(np.array(y), np.array([0, len(y)]))) is None
