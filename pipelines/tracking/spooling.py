"""A client that goes on in a folder where its server no longer answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.redaction import redacted
from pipelines.tracking.spool import Waiting
from pipelines.tracking.store import TrackingStore
from pipelines.tracking.tags import CONTINUES

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

_NEXT = "the run that begins"


class SpoolingClient:
    """An MLflow client whose calls never fail because a server is down.

    From the first call on that the server does not answer, all goes into a store in a folder: runs that
    begin, and the rest of those that began on the server.

    Args:
        server: Client of the server; None if it is down already.
        store: The server.
        experiment: Name of the experiment.
        spool: Folder for what waits.
    """

    def __init__(
        self, server: MlflowClient | None, store: TrackingStore, experiment: str, spool: Path
    ) -> None:
        self._server = server
        self._store = store
        self._experiment = experiment
        self._spool = spool
        self._waiting: Waiting | None = None
        self._local: dict[str, str] = {}
        if server is None:
            self._tell()

    @property
    def is_down(self) -> bool:
        """Whether the server no longer answers."""
        return self._server is None

    def create_run(self, experiment_id: str, **facts: Any) -> Any:
        """Create a run, as ``MlflowClient.create_run`` does."""
        return self._call(
            lambda server: server.create_run(experiment_id, **facts), lambda: self._begin(**facts)
        )

    def search_runs(self, experiment_ids: list[str], *arguments: Any, **options: Any) -> Any:
        """Search runs, as ``MlflowClient.search_runs`` does."""

        def search() -> Any:
            waiting = self._store_here()
            return waiting.client.search_runs([waiting.experiment_id], *arguments, **options)

        return self._call(lambda server: server.search_runs(experiment_ids, *arguments, **options), search)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Any other method of the client; its first argument is the id of a run."""
        if name.startswith("_"):
            raise AttributeError(name)

        def method(run_id: str, *arguments: Any, **options: Any) -> Any:
            def here() -> Any:
                own = self._run_here(run_id)
                client = self._store_here().client
                answer = getattr(client, name)(own, *arguments, **options)
                if name == "set_terminated":
                    self._store_here().let_go(own)
                return answer

            return self._call(lambda server: getattr(server, name)(run_id, *arguments, **options), here)

        return method

    def _call(self, there: Callable[[MlflowClient], Any], here: Callable[[], Any]) -> Any:
        if self._server is not None:
            try:
                return there(self._server)
            except Exception as error:
                if not is_down(error):
                    raise
                self._server = None
                self._tell(error)
        return here()

    def _tell(self, error: Exception | None = None) -> None:
        logger.warning(
            "%s does not answer%s. Its runs wait in %s and are sent at the next start with this store, "
            "or by: tcn sync %s",
            redacted(self._store.uri),
            f" any more ({type(error).__name__})" if error else "",
            self._spool,
            self._spool.parent,
        )

    def _store_here(self) -> Waiting:
        if self._waiting is None:
            self._waiting = Waiting(self._spool, self._store, self._experiment)
        return self._waiting

    def _begin(self, **facts: Any) -> Any:
        """Begin a run here; in another store if what was in the former one has been sent meanwhile."""
        waiting = self._store_here()
        if not waiting.hold(_NEXT):
            self._waiting = None
            self._local.clear()
            return self._begin(**facts)
        run = waiting.client.create_run(waiting.experiment_id, **facts)
        waiting.hold(run.info.run_id)
        waiting.let_go(_NEXT)
        self._local[run.info.run_id] = run.info.run_id
        return run

    def _run_here(self, run_id: str) -> str:
        """The id here of a run, of which the beginning may be on the server."""
        if run_id not in self._local:
            tags = {CONTINUES: run_id}
            self._local[run_id] = self._begin(tags=tags, run_name="the rest of a run").info.run_id
        return self._local[run_id]


def is_down(error: Exception) -> bool:
    """Whether an error says that a server fails, and not that it refuses what it was told.

    Args:
        error: Any error of a call.

    Returns:
        True also for errors of the connection.

    Example:
        >>> is_down(ConnectionError("refused")), is_down(FileNotFoundError("report.html"))
        (True, False)
    """
    status = getattr(error, "get_http_status_code", None)
    if status is not None:
        return int(status()) >= 500
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
