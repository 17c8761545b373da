"""The panel: any frame of series, made sorted, unique, regular and typed; the only reader of raw frames."""

from pipelines.panel.covariate_columns import CovariateColumn
from pipelines.panel.digest import panel_digest
from pipelines.panel.filling import hardly_filled, rows_given
from pipelines.panel.frame_columns import Columns, read_ids, show, take_columns
from pipelines.panel.future_columns import check_known, read_future
from pipelines.panel.notes import PanelNotes
from pipelines.panel.panel import Panel
from pipelines.panel.silence import SilentStretch, find_silence, silent_stretches
from pipelines.panel.target import check_target, kind_of_target
from pipelines.panel.time_column import Stamps, read_stamps

__all__ = [
    "Columns",
    "CovariateColumn",
    "Panel",
    "PanelNotes",
    "SilentStretch",
    "Stamps",
    "check_known",
    "check_target",
    "find_silence",
    "hardly_filled",
    "kind_of_target",
    "panel_digest",
    "read_future",
    "read_ids",
    "read_stamps",
    "rows_given",
    "show",
    "silent_stretches",
    "take_columns",
]
