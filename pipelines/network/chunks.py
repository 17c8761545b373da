"""Chunks of origins as a compiled step sees them: inputs, targets, and which of the targets count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipelines.network.gather import DeviceTable
from pipelines.plan import Plan
from pipelines.windows import SeriesTable
from tcn.ops import frames


class Chunk(NamedTuple):
    """Chunks of every member.

    Attributes:
        inputs: ``(members, chunks, context + origins, 5 + past channels)``.
        features: What is known in advance and of the series, as ``forecast_members`` takes it.
        target: ``(members, chunks, origins, horizon)``, 0 where unknown.
        known: Like ``target``: whether there is a value, after an origin that may be one.
        held_out: Like ``target``: whether the member must not learn from it.
        weight: ``(members, chunks)`` weight of an error of one unit.
    """

    inputs: Any
    features: dict[str, Any]
    target: Any
    known: Any
    held_out: Any
    weight: Any


@dataclass(frozen=True)
class ChunkGatherer:
    """Gathers chunks of the sizes that a plan has.

    Attributes:
        device: The rows.
        first: ``(series,)`` row of the first origin.
        weight: ``(series,)`` weight of errors.
        era: ``(rows,)`` position in time, from 0 to 255.
        held_out: ``(members, 2)`` first era that a member must not learn from, and one past the last.
        context: Rows before an origin that its forecast depends on.
        origins: Origins in a chunk.
        horizon: Steps ahead.
        silent: ``(rows,)`` whether nothing is to be learned from a row, neither as origin nor as target; None
            if all rows teach.
        difference: Steps back to which rows hold differences, of which targets are sums; 0 if they hold
            values.
    """

    device: DeviceTable
    first: Any
    weight: Any
    era: Any
    held_out: Any
    context: int
    origins: int
    horizon: int
    silent: Any = None
    difference: int = 0

    @classmethod
    def of(cls, table: SeriesTable, plan: Plan, context: int) -> ChunkGatherer:
        """Copy a table to tensors."""
        return cls(
            device=DeviceTable.from_table(table),
            first=tf.constant((table.indptr[:-1] + table.first_origin).astype(np.int32)),
            weight=tf.constant(table.weight),
            era=tf.constant(table.era),
            held_out=tf.constant(table.held_out(plan.members), tf.int32),
            context=context,
            origins=plan.origins_per_chunk,
            horizon=plan.horizon,
            silent=None if table.silent is None else tf.constant(table.silent),
            difference=plan.difference,
        )

    def gather(self, series: Any, newest: Any) -> Chunk:
        """Gather the chunks of all members.

        Args:
            series: ``(members, chunks)`` positions of series.
            newest: ``(members, chunks)`` rows of the newest origins.

        Returns:
            The chunks.
        """
        inputs, values = self.device.chunk(series, newest, self.context + self.origins, self.horizon)
        target = frames(values[..., self.context + 1 :], self.horizon)
        origin = newest[..., None] + tf.range(1 - self.origins, 1)
        allowed = (origin >= tf.gather(self.first, series)[..., None])[..., None]
        finite = tf.math.is_finite(target)
        row = newest[..., None] + tf.range(2 - self.origins, self.horizon + 1)
        era = tf.cast(self._of_row(self.era, row), tf.int32)
        if self.silent is not None:
            allowed &= ~self._of_row(self.silent, origin)[..., None]
            finite &= ~frames(self._of_row(self.silent, row), self.horizon)
        if self.difference:
            target = self._summed(target, tf.gather(self.device.offset, series)[..., None, None])
        begin, end = (self.held_out[:, i, None, None] for i in (0, 1))
        return Chunk(
            inputs=inputs,
            features=self.device.features(series, newest, self.origins - 1),
            target=tf.where(finite, target, 0.0),
            known=finite & allowed,
            held_out=frames((era >= begin) & (era < end), self.horizon),
            weight=tf.gather(self.weight, series),
        )

    def _summed(self, target: Any, offset: Any) -> Any:
        """Sum the differences from the origin to each step ahead; what is not known counts as no change."""
        seasons = -(-self.horizon // self.difference)
        known = tf.where(tf.math.is_finite(target), target + offset, 0.0)
        filled = tf.pad(known, [[0, 0]] * 3 + [[0, seasons * self.difference - self.horizon]])
        by_season = tf.reshape(filled, tf.concat([tf.shape(filled)[:3], [seasons, self.difference]], 0))
        total = tf.reshape(tf.cumsum(by_season, axis=3), tf.shape(filled))[..., : self.horizon]
        return tf.where(tf.math.is_finite(target), total - offset, target)

    def _of_row(self, values: Any, row: Any) -> Any:
        """What rows have; those outside the panel, which hold no targets, have that of its ends."""
        return tf.gather(values, tf.clip_by_value(row, 0, values.shape[0] - 1))
