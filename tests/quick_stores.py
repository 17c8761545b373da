"""Stores that are made in a moment, for tests of other things than their making, which takes seconds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from pipelines.tracking import TrackingStore, store

_create = store._create


@cache
def template() -> Path:
    """A database as MLflow makes it, one for each process of tests."""
    place = TrackingStore.parse(mkdtemp(prefix="tcn-store-"))
    assert place.database is not None
    _create(place, place.database)
    return place.database


@pytest.fixture(scope="module")
def quick_stores() -> Iterator[None]:
    """Copy the template wherever a store is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_create", lambda place, database: shutil.copy(template(), database))
        yield
