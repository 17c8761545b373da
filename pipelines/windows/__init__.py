"""Where origins may lie, and what the network is shown of each series.

Windows are never cut out and stored: a batch is a list of (series, newest origin) pairs, and the compiled
step gathers each chunk from the one array of all rows.
"""

from pipelines.windows.calendar import calendar_phase
from pipelines.windows.covariates import (
    CALENDAR,
    CovariateState,
    CovariateTable,
    add_channels,
    with_channels,
)
from pipelines.windows.demand import demand_note
from pipelines.windows.eras import TimeCoverage, eras, held_out_eras
from pipelines.windows.facts import Facts
from pipelines.windows.original_units import in_original_units
from pipelines.windows.sampler import ChunkSampler
from pipelines.windows.scales import loss_weights, usual_change
from pipelines.windows.stored import StoredTable
from pipelines.windows.table import LARGEST, SeriesTable

__all__ = [
    "CALENDAR",
    "LARGEST",
    "ChunkSampler",
    "CovariateState",
    "CovariateTable",
    "Facts",
    "SeriesTable",
    "StoredTable",
    "TimeCoverage",
    "add_channels",
    "calendar_phase",
    "demand_note",
    "eras",
    "held_out_eras",
    "in_original_units",
    "loss_weights",
    "usual_change",
    "with_channels",
]
