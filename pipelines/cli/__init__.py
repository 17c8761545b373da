"""The command ``tcn``. Importing it loads typer and nothing heavier; commands import what they use."""

from pipelines.cli.app import app, main

__all__ = ["app", "main"]
