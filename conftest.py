"""Doctests of pipelines compute without compiling, which takes longer than the few steps of their fits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _eager_doctests(request: pytest.FixtureRequest) -> Iterator[None]:
    if not (isinstance(request.node, pytest.DoctestItem) and request.node.name.startswith("pipelines.")):
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
