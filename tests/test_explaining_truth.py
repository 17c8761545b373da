"""On series with a known lag, a useful column and useless ones, explanations find what is so."""

import runpy
from pathlib import Path

import pytest

import pipelines

SCRIPT = Path(pipelines.__file__).resolve().parent.parent / "benchmarks" / "explanations.py"

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.mark.long
def test_what_is_so_is_found_and_deletion_beats_chance(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    found = runpy.run_path(str(SCRIPT))["study"](1, steps=120, ensemble=1)
    assert (found.by_gradient, found.by_hiding) == (found.lag, found.lag)
    assert found.is_right
    assert min(found.deletion.values()) > 1.2
