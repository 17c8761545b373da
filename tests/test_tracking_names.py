"""Names and values in the form that MLflow takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tracking.names import KEY_LENGTH, PARAM_LENGTH, clip, flatten, legal_name, legal_names
from pipelines.tracking.quiet import quiet

with quiet():
    from mlflow.utils import validation

awkward = st.text(st.sampled_from("aZ0_.- /:%[](){}é|\\\n\t\0"), max_size=300) | st.text(max_size=40)


@given(awkward)
def test_any_text_becomes_a_name_that_mlflow_takes(text: str) -> None:
    name = legal_name(text)
    validation._validate_metric(name, 1.0, 0, 0)
    validation._validate_param(name, "value")
    assert legal_name(name) == name


@given(st.lists(awkward, unique=True, max_size=20))
def test_different_names_stay_different_and_legal(names: list[str]) -> None:
    legal = legal_names(names)
    assert list(legal) == names
    assert len(set(legal.values())) == len(names)
    for name in legal.values():
        validation._validate_metric(name, 1.0, 0, 0)


def test_long_names_that_share_their_beginning_stay_different() -> None:
    legal = legal_names(["x" * 300 + str(k) for k in range(12)])
    assert len(set(legal.values())) == 12
    assert max(map(len, legal.values())) == KEY_LENGTH


@given(st.dictionaries(awkward, st.none() | st.booleans() | st.floats() | st.lists(st.integers()) | awkward))
def test_flattening_keeps_every_setting(settings: dict[str, object]) -> None:
    flat = flatten({"inner": settings} if settings else {}, "settings")
    assert len(flat) == len(settings)
    for key, value in flat.items():
        validation._validate_param(key, value)


def test_values_are_cut_to_what_a_param_holds() -> None:
    (value,) = flatten({"ids": list(range(5000))}, "plan").values()
    assert len(value) == PARAM_LENGTH
    assert value.startswith("[0, 1, 2")
    assert value.endswith("…")


@pytest.mark.parametrize("length", [1, 3, 10])
def test_clipped_text_fits(length: int) -> None:
    assert len(clip("abcdef", length)) <= length
