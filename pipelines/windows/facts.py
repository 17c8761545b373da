"""What a plan says of the rows of a panel: sums and lists, which parts of it add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.panel import Panel, PanelNotes, silent_stretches
from pipelines.windows.demand import demand_counts
from pipelines.windows.table import SeriesTable


class Facts(NamedTuple):
    """Facts about the rows of a panel.

    Attributes:
        observations: Rows with a value.
        notes: What was seen when the panel was read, and its silent stretches.
        silent: Rows of long silence.
        demand: ``(classes,)`` series of each class of demand; None if a value is below 0.
    """

    observations: int
    notes: PanelNotes
    silent: int
    demand: npt.NDArray[np.int64] | None

    @classmethod
    def of(cls, panel: Panel, table: SeriesTable, season_length: int) -> Facts:
        """Take the facts of a panel.

        Args:
            panel: The series.
            table: The same series as the network reads them.
            season_length: Steps in a season.

        Returns:
            The facts.
        """
        alive = panel.values if table.silent is None else np.where(table.silent, np.nan, panel.values)
        return cls(
            observations=int(np.isfinite(panel.values).sum()),
            notes=replace(panel.notes, silent=silent_stretches(panel, season_length)),
            silent=0 if table.silent is None else int(table.silent.sum()),
            demand=demand_counts(alive, panel.indptr),
        )

    @classmethod
    def joined(cls, parts: Sequence[Facts]) -> Facts:
        """Take together the facts of parts of a panel.

        Args:
            parts: One at least, in the order of their series.

        Returns:
            The facts.
        """
        demand = [part.demand for part in parts if part.demand is not None]
        return cls(
            observations=sum(part.observations for part in parts),
            notes=PanelNotes.joined([part.notes for part in parts]),
            silent=sum(part.silent for part in parts),
            demand=np.sum(demand, axis=0) if len(demand) == len(parts) else None,
        )
