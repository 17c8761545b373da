"""Former place of ``pipelines.panel.frame_columns``."""

from pipelines.panel.frame_columns import show as show
