"""The panel as tensors, and chunks of it gathered inside a compiled step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.network.covariates import DeviceCovariates
from pipelines.windows import SeriesTable


@dataclass(frozen=True)
class DeviceTable:
    """The arrays of a ``SeriesTable`` that a compiled step gathers from.

    Attributes:
        values: ``(rows,)`` values, the last observed one where there is none.
        observed: ``(rows,)`` whether a value was observed.
        change: ``(rows,)`` usual size of a change.
        phase: ``(rows,)`` calendar positions.
        begin: ``(series,)`` first row of each series.
        end: ``(series,)`` one past its last row.
        offset: ``(series,)`` what to add to a value to get the level.
        covariates: What else is known, or None.
    """

    values: Any
    observed: Any
    change: Any
    phase: Any
    begin: Any
    end: Any
    offset: Any
    covariates: DeviceCovariates | None = None

    @classmethod
    def from_table(cls, table: SeriesTable) -> DeviceTable:
        """Copy a table to tensors."""
        pointers = table.indptr.astype(np.int32)
        return cls(
            values=tf.constant(table.values),
            observed=tf.constant(table.observed),
            change=tf.constant(table.change),
            phase=tf.constant(table.phase),
            begin=tf.constant(pointers[:-1]),
            end=tf.constant(pointers[1:]),
            offset=tf.constant(table.offset),
            covariates=None if table.covariates is None else DeviceCovariates.from_table(table.covariates),
        )

    def chunk(self, series: Any, newest: Any, before: int, after: int) -> tuple[Any, Any]:
        """Gather the rows around newest origins; rows outside a series are unobserved.

        Args:
            series: ``(...)`` positions of series.
            newest: ``(...)`` rows.
            before: Rows to gather up to and including the newest.
            after: Rows to gather after it.

        Returns:
            Network inputs ``(..., before, 5 + past channels)``, and targets ``(..., before + after)``, NaN
            where unobserved.
        """
        row = newest[..., None] + tf.range(1 - before, after + 1)
        begin, end = tf.gather(self.begin, series)[..., None], tf.gather(self.end, series)[..., None]
        inside = (row >= begin) & (row < end)
        row = tf.clip_by_value(row, begin, end - 1)
        values = tf.where(inside, tf.gather(self.values, row), 0.0)
        observed = inside & tf.gather(self.observed, row)
        past = row[..., :before]
        channels = [
            values[..., :before],
            tf.cast(observed[..., :before], tf.float32),
            tf.broadcast_to(tf.gather(self.offset, series)[..., None], tf.shape(past)),
            tf.cast(tf.gather(self.phase, past), tf.float32),
            tf.where(inside[..., :before], tf.gather(self.change, past), 0.0),
        ]
        inputs = tf.stack(channels, axis=-1)
        if self.covariates is not None:
            inputs = tf.concat([inputs, self.covariates.channels(past, inside[..., :before])], axis=-1)
        return inputs, tf.where(observed, values, np.nan)

    def features(self, series: Any, newest: Any, before: int) -> dict[str, Any]:
        """Gather what is known in advance and of the series, as ``forecast_members`` takes it.

        Args:
            series: ``(...)`` positions of series.
            newest: ``(...)`` rows of the newest origins.
            before: Rows from the oldest origin to the newest.

        Returns:
            Arguments by name: see ``DeviceCovariates.features``. None without covariates.
        """
        if self.covariates is None:
            return {}
        begin, end = tf.gather(self.begin, series), tf.gather(self.end, series)
        return self.covariates.features(series, begin, end, newest, before)
