"""Former place of ``pipelines.panel.time_column``."""

from pipelines.panel.time_column import read_stamps as read_stamps
