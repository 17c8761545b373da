"""One self-contained HTML file about a run: readable offline, on a phone, on paper, by a screen reader.

This package imports plotly; import it where a report is written, not at the top of a command.
"""

from pipelines.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
