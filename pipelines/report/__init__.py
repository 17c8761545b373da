"""One self-contained HTML file about a run: readable offline, on a phone, on paper, by a screen reader."""

from pipelines.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
