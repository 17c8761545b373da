"""What is odd about data and bundles, as notes of a job."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.jobs.stages import Stages
from pipelines.panel import Panel, hardly_filled

# How warnings of covariates, bundles, statistical models, series without values and searches begin.
_NOTED = ("column '", "the bundle has no ", "Auto", "no value, or a single one, ", "Hyperband ")
# How one begins that the answer of the job says in its own words.
_ANSWERED = "the fit has learned from"


@contextmanager
def warnings_as_notes(stages: Stages) -> Iterator[None]:
    """Show what a forecaster warns of, inside the block, as notes; other warnings stay warnings.

    Args:
        stages: Where to show them.

    Example:
        >>> with warnings_as_notes(Stages()):
        ...     warnings.warn("column 'kind' has 1 value that the fit did not see ('x')")
    """
    with warnings.catch_warnings(record=True) as caught:
        for beginning in _NOTED:
            warnings.filterwarnings("always", beginning)
        warnings.filterwarnings("ignore", _ANSWERED)
        yield
    for each in caught:
        if str(each.message).startswith(_NOTED):
            stages.progress.note(str(each.message))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def note_gaps(panel: Panel, stages: Stages) -> None:
    """Say so if the data hardly fill the grid of the frequency: it is the wrong one, more often than not.

    Args:
        panel: The data.
        stages: Where to show it.
    """
    if text := hardly_filled(panel):
        stages.progress.note(text)
