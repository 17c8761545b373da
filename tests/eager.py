"""Computing without compiling: a fit of a few steps takes far longer to compile than to run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def eagerly() -> Iterator[None]:
    """Compute what the module fits operation by operation."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def compiled(eagerly: None) -> Iterator[None]:
    """Compile in this test all the same: what it compares to the bit depends on it."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    yield
    tf.config.run_functions_eagerly(True)
