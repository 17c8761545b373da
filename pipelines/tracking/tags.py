"""Tags that the runs of this package are found by."""

from __future__ import annotations

from typing import Final

KEY: Final = "tcn.key"
"""Name of a run that is found again by it."""
PARENT: Final = "mlflow.parentRunId"
"""Id of the run that a run is nested in."""
SPOOLED: Final = "tcn.spooled"
"""Id that a run had where it waited for its server."""
CONTINUES: Final = "tcn.continues"
"""Id of the run that a waiting one goes on with."""
