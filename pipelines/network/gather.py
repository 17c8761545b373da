"""The panel as tensors, and chunks of it gathered inside a compiled step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.windows import SeriesTable


@dataclass(frozen=True)
class DeviceTable:
    """The arrays of a ``SeriesTable`` that a compiled step gathers from.

    Attributes:
        values: ``(rows,)`` values, NaN where unobserved.
        phase: ``(rows,)`` calendar positions.
        begin: ``(series,)`` first row of each series.
        end: ``(series,)`` one past its last row.
        offset: ``(series,)`` what to add to a value to get the level.
    """

    values: Any
    phase: Any
    begin: Any
    end: Any
    offset: Any

    @classmethod
    def from_table(cls, table: SeriesTable) -> DeviceTable:
        """Copy a table to tensors."""
        pointers = table.indptr.astype(np.int32)
        return cls(
            values=tf.constant(table.values),
            phase=tf.constant(table.phase),
            begin=tf.constant(pointers[:-1]),
            end=tf.constant(pointers[1:]),
            offset=tf.constant(table.offset),
        )

    def chunk(self, series: Any, newest: Any, before: int, after: int) -> tuple[Any, Any]:
        """Gather the rows around newest origins; rows outside a series are unobserved.

        Args:
            series: ``(...)`` positions of series.
            newest: ``(...)`` rows.
            before: Rows to gather up to and including the newest.
            after: Rows to gather after it.

        Returns:
            Network inputs ``(..., before, 4)``, and targets ``(..., before + after)``, NaN where unobserved.
        """
        row = newest[..., None] + tf.range(1 - before, after + 1)
        begin, end = tf.gather(self.begin, series)[..., None], tf.gather(self.end, series)[..., None]
        inside = (row >= begin) & (row < end)
        row = tf.clip_by_value(row, begin, end - 1)
        values = tf.where(inside, tf.gather(self.values, row), np.nan)
        shown = values[..., :before]
        observed = tf.math.is_finite(shown)
        offset = tf.broadcast_to(tf.gather(self.offset, series)[..., None], tf.shape(shown))
        phase = tf.cast(tf.gather(self.phase, row[..., :before]), tf.float32)
        channels = [tf.where(observed, shown, 0.0), tf.cast(observed, tf.float32), offset, phase]
        return tf.stack(channels, axis=-1), values
