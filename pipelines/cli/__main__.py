"""``python -m pipelines.cli`` is the command ``tcn``."""

from pipelines.cli import main

main()
