"""From a panel on disk to what the network reads of it, one part after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipelines.config import Settings
from pipelines.errors import ConfigError
from pipelines.panel import Panel
from pipelines.plan import check_size, plan_of, scaling_of, seasons_of
from pipelines.preparing import Prepared, prepare
from pipelines.store import PanelStore
from pipelines.transforms import TargetTransform, series_table
from pipelines.windows import Facts, SeriesTable, StoredTable, TimeCoverage


def prepare_rows(settings: Settings, rows: Panel | PanelStore) -> Prepared:
    """Learn from rows how to read them, and plan a fit.

    Args:
        settings: What was asked for.
        rows: The rows of the fit, in memory or on disk.

    Returns:
        What the fit begins with.

    Raises:
        PanelError: If the rows cannot be used.
        ConfigError: If the settings do not fit them.
    """
    return prepare_parts(settings, rows) if isinstance(rows, PanelStore) else prepare(settings, rows)


def prepare_parts(settings: Settings, store: PanelStore) -> Prepared:
    """Learn from a store how to read it, and plan a fit; see ``prepare``.

    Args:
        settings: What was asked for, without covariates.
        store: The rows of the fit.

    Returns:
        What a fit of the same rows in memory begins with, but that the rows of its table lie in a file.

    Raises:
        PanelError: If the store cannot be used.
        ConfigError: If nothing can be written to its folder.
    """
    check_size(store)
    seasons, one_scale = seasons_of(settings, store), scaling_of(settings, store) != "origin"
    transform = TargetTransform.fit_parts(settings.transform, store, seasons[0], one_scale)
    coverage = TimeCoverage.of(store.freq, store.starts, store.lengths)
    facts: list[Facts] = []

    def tables() -> Iterator[SeriesTable]:
        for panel in store.parts():
            table = series_table(panel, seasons, transform, one_scale)
            facts.append(Facts.of(panel, table, seasons[0]))
            yield replace(table, era=coverage.eras(panel))

    try:
        table = StoredTable.write(tables(), store.path)
    except OSError as error:
        raise ConfigError(
            "To learn from a store, its folder must have permission and space for 16 bytes a row. "
            f"Received: {error.strerror or error} for {str(store.path)!r}; move it, or make room."
        ) from error
    plan = plan_of(settings, store, table, Facts.joined(facts))
    notes = () if transform is None else (transform.note,)
    return Prepared(table, replace(plan, notes=(*plan.notes, *notes)), None, transform)
