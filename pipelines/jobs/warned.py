"""Warnings of a forecaster as notes of a job."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.jobs.stages import Stages

_ABOUT_COVARIATES = "column '"


@contextmanager
def warnings_as_notes(stages: Stages) -> Iterator[None]:
    """Show what a forecaster warns of, inside the block, as notes on the data; other warnings stay warnings.

    Args:
        stages: Where to show them.

    Example:
        >>> with warnings_as_notes(Stages()):
        ...     warnings.warn("column 'kind' has 1 value that the fit did not see ('x')")
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", _ABOUT_COVARIATES)
        yield
    for each in caught:
        if str(each.message).startswith(_ABOUT_COVARIATES):
            stages.progress.note(str(each.message))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
