"""Covariates as tensors, and what a chunk is shown of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from pipelines.windows import CovariateTable


@dataclass(frozen=True)
class DeviceCovariates:
    """The arrays of a ``CovariateTable`` that a compiled step gathers from.

    Attributes:
        past: ``(rows, channels)`` what is known at each row.
        ahead: ``(rows + series * horizon, features)`` what is known in advance of each row.
        static: ``(series, features)`` what does not change.
        horizon: Rows of ``ahead`` after those of each series.
    """

    past: Any
    ahead: Any
    static: Any
    horizon: int

    @classmethod
    def from_table(cls, table: CovariateTable) -> DeviceCovariates:
        """Copy a table to tensors."""
        return cls(
            tf.constant(table.past), tf.constant(table.ahead), tf.constant(table.static), table.horizon
        )

    def channels(self, row: Any, inside: Any) -> Any:
        """Gather past channels.

        Args:
            row: ``(...)`` rows of the panel.
            inside: ``(...)`` whether a row belongs to the series that it is gathered for; 0 if not.

        Returns:
            ``(..., channels)``.
        """
        return tf.where(inside[..., None], tf.gather(self.past, row), 0.0)

    def features(self, series: Any, begin: Any, end: Any, newest: Any, before: int) -> dict[str, Any]:
        """Gather what chunks of origins know in advance and of their series.

        Args:
            series: ``(...)`` positions of series.
            begin: ``(...)`` first row of each of them.
            end: ``(...)`` one past its last row.
            newest: ``(...)`` rows of the newest origins.
            before: Rows from the oldest origin to the newest.

        Returns:
            ``"ahead"``, ``(..., before + horizon, features)``, of the rows after the oldest origin, 0 outside
            a series and its horizon, and ``"static"``, ``(..., features)``; each only if there is any.
        """
        found = {}
        if self.ahead.shape[1]:
            first, last = begin[..., None], end[..., None] + self.horizon - 1
            row = newest[..., None] + tf.range(1 - before, self.horizon + 1)
            inside = (row >= first) & (row <= last)
            place = tf.clip_by_value(row, first, last) + series[..., None] * self.horizon
            found["ahead"] = tf.where(inside[..., None], tf.gather(self.ahead, place), 0.0)
        if self.static.shape[1]:
            found["static"] = tf.gather(self.static, series)
        return found
