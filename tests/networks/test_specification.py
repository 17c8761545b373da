import json

import keras
import numpy as np
import pytest
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st

from tcn.heads import QuantileHead
from tcn.models.classifier import SequenceClassifier
from tcn.models.forecaster import SequenceForecaster
from tcn.models.inception_time import InceptionTime
from tcn.models.separable import SeparableTCN
from tcn.models.specification import BACKBONES, HEADS, build, specification_of

CLASSES = {"name": "classes", "classes": 3}


def series(steps=30, channels=2, batch=2, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, channels)).astype("float32")


def test_a_classifier_is_built_as_by_hand():
    model = build(
        {
            "backbone": {
                "name": "inception_time",
                "filters": 2,
                "depth": 2,
                "kernel_sizes": [3, 5],
                "seed": 1,
            },
            "head": {"name": "classes", "classes": 3, "pooling": "max", "seed": 2},
        }
    )
    by_hand = SequenceClassifier(
        InceptionTime(2, depth=2, kernel_sizes=(3, 5), seed=1), 3, pooling="max", seed=2
    )
    np.testing.assert_array_equal(to_numpy(model(series())), to_numpy(by_hand(series())))


def test_a_forecaster_is_built_as_by_hand():
    model = build(
        {
            "backbone": {"name": "separable", "filters": 4, "depth": 2, "seed": 1},
            "head": {"name": "quantile", "horizon": 3, "quantiles": [0.1, 0.5], "kernel_initializer": "ones"},
        }
    )
    head = QuantileHead(3, [0.1, 0.5], kernel_initializer="ones")
    by_hand = SequenceForecaster(SeparableTCN(4, depth=2, seed=1), head)
    np.testing.assert_array_equal(to_numpy(model(series())), to_numpy(by_hand(series())))


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_can_be_built_by_name(name):
    nested = {"layer": {"name": "tcn"}} if name == "bidirectional" else {}
    specification = {"backbone": {"name": name, **nested}, "head": {"name": "point", "horizon": 3}}
    model = build(specification)
    y = model.compute_output_shape((2, 64, 2))
    assert y == (2, 64, 3, 1)
    assert model.receptive_field > 1
    assert specification_of(model) == specification


@pytest.mark.parametrize("name", HEADS)
def test_every_head_can_be_built_by_name(name):
    needed = {
        "categorical": {"horizon": 3, "classes": 4},
        "classes": {"classes": 4},
        "distribution": {"horizon": 3, "distribution": "student_t"},
        "mixture": {"horizon": 3, "components": 2},
        "point": {"horizon": 3, "hidden": 5, "kernel_initializer": "he_normal"},
        "quantile": {"horizon": 3, "quantiles": [0.1, 0.9]},
    }
    head = {"name": name, **needed[name]}
    specification = {"backbone": {"name": "separable", "filters": 4, "depth": 1}, "head": head}
    model = build(specification)
    y = model(series())
    assert model.compute_output_shape((2, 30, 2)) == tuple(y.shape)
    assert specification_of(model) == specification


@pytest.mark.parametrize("name", ["zero_inflated_normal", "zero_inflated_mixture"])
def test_a_distribution_comes_back_by_its_name(name):
    head = {"name": "distribution", "horizon": 3, "distribution": name}
    specification = {"backbone": {"name": "separable", "filters": 4, "depth": 1}, "head": head}
    assert specification_of(build(specification)) == specification


@examples(15)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "filters": st.integers(1, 9),
            "kernel_size": st.integers(1, 50),
            "dilations": st.lists(st.integers(1, 8), min_size=1, max_size=3),
            "activation": st.sampled_from(["relu", "gelu", "tanh"]),
            "normalization": st.sampled_from(["layer", "batch", None]),
            "seed": st.none() | st.integers(0, 9),
        },
    ),
    st.fixed_dictionaries(
        {"classes": st.integers(2, 5)},
        optional={"pooling": st.sampled_from(["average", "last"]), "multi_label": st.booleans()},
    ),
)
def test_a_specification_comes_back_without_defaults(backbone, head):
    usual = {"filters": 64, "kernel_size": 31, "dilations": [1], "activation": "gelu"}
    usual |= {"normalization": "layer", "seed": None, "pooling": "average", "multi_label": False}
    given_ = {"backbone": {"name": "separable", **backbone}, "head": {"name": "classes", **head}}
    told = {
        part: {k: v for k, v in values.items() if k not in usual or usual[k] != v}
        for part, values in given_.items()
    }
    model = build(json.loads(json.dumps(given_)))
    assert specification_of(model) == told
    again = build(told)
    assert again.backbone.get_config() == model.backbone.get_config() | {"name": again.backbone.name}


def test_a_specification_keeps_the_precision():
    half = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    model = SequenceClassifier(SeparableTCN(4, 1, 3, dtype=half), 3)
    again = build(json.loads(json.dumps(specification_of(model))))
    assert again.backbone.dtype_policy == half
    assert again.dtype_policy == model.dtype_policy


def test_a_network_can_be_an_argument():
    specification = {
        "backbone": {"name": "bidirectional", "layer": {"name": "tcn", "nb_filters": 4, "dilations": [1, 2]}},
        "head": CLASSES,
    }
    model = build(specification)
    assert tuple(model.backbone(series()).shape) == (2, 30, 8)
    assert specification_of(model) == specification


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        (
            {"backbone": {"name": "wavnet"}, "head": CLASSES},
            "A backbone must be a dictionary whose 'name' is one of .*'wavenet'.* "
            "Received: name='wavnet'. Did you mean 'wavenet'?",
        ),
        (None, "The specification must be a dictionary, .* Received: None"),
        (
            {"backbone": "tcn", "head": CLASSES},
            "A backbone must be a dictionary of .* Received: 'tcn'. Pass {'name': 'tcn'} with the arguments",
        ),
        ({"backbone": {"name": "tcn"}, "head": 3}, "A head must be a dictionary of .* Received: 3. Pass"),
        ({"backbone": {"filters": 3}, "head": CLASSES}, "A backbone must be .* Received: name=None"),
        (
            {"backbone": {"name": "separable"}, "head": {"name": "qantile"}},
            "A head must .* Did you mean 'quantile'?",
        ),
        (
            {"backbone": {"name": "separable", "filter": 3}, "head": CLASSES},
            "The backbone 'separable' must have no other arguments than filters, depth, .* "
            "Received: 'filter'. Did you mean 'filters'?",
        ),
        (
            {"backbone": {"name": "separable"}, "head": {"name": "classes"}},
            "The head 'classes' must have classes. Missing: classes",
        ),
        ({"backbone": {"name": "separable"}}, "The specification must have backbone, head. Missing: head"),
        (
            {"backbone": {"name": "separable"}, "head": CLASSES, "heads": CLASSES},
            "Received: 'heads'. Did you mean 'head'?",
        ),
        ({"backbone": {"name": "separable", "depth": 0}, "head": CLASSES}, "'depth' must be a positive"),
    ],
)
def test_wrong_specifications(specification, message):
    with pytest.raises(ValueError, match=message):
        build(specification)


def test_wrong_models():
    with pytest.raises(ValueError, match="'model' must be a SequenceForecaster or a SequenceClassifier"):
        specification_of(keras.Sequential())
    with pytest.raises(ValueError, match=r"must have a name: enter it in .*BACKBONES. Received: Conv1D"):
        specification_of(SequenceClassifier(keras.layers.Conv1D(3, 3, padding="same"), 3))
