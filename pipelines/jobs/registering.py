"""A bundle that a job makes a version of a registered model: asked for before the training, done after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import BusyError, ConfigError, ForecastingError

if TYPE_CHECKING:
    from pipelines.jobs.stages import Stages
    from pipelines.serving import Registered


@dataclass(frozen=True)
class Registering:
    """Makes a bundle the next version of a registered model; made by `registering`.

    Attributes:
        name: Name of the model.
        store: Store of the runs, in which models are registered, too.
    """

    name: str
    store: str | Path

    def check_store(self, stages: Stages) -> None:
        """See that the store can be used, before anything is trained.

        Args:
            stages: Where to show and measure its opening.

        Raises:
            ConfigError: It cannot be used.
            BusyError: It cannot be used just now.
        """
        with stages.loading("MLflow"):
            from pipelines.serving import Registry

            Registry(self.store)

    def register(self, bundle: Path, run_id: str | None, stages: Stages, may_rule: bool = True) -> Registered:
        """Register a bundle that is complete.

        Args:
            bundle: Its folder.
            run_id: The MLflow run that it comes from.
            stages: Where to show and measure the stage.
            may_rule: Whether it may be the champion: not if a comparison has spoken against it.

        Returns:
            The version: the champion if the model has none, else a challenger.

        Raises:
            BusyError: It could not be registered; the bundle is there all the same.
        """
        from pipelines.serving import register_next

        try:
            with stages("register"):
                return register_next(bundle, self.name, self.store, run_id, may_rule)
        except ForecastingError as error:
            raise BusyError(
                f"A bundle must be registered where that is asked for. Received: {error} The bundle is "
                f"complete in {str(bundle)!r}; tcn register makes up for it."
            ) from error


def registering(name: str | None, store: str | Path | None) -> Registering | None:
    """Check what is asked for, before the data are read.

    Args:
        name: Name of the model; None if nothing is to be registered.
        store: Store of the runs; None if none are kept.

    Returns:
        What registers it; None without a name.

    Raises:
        ConfigError: No runs are kept, or the name is not allowed.

    Example:
        >>> registering("sales", None)
        Traceback (most recent call last):
        pipelines.errors.ConfigError: A registered model needs a store of runs. Received: --register sales ...
    """
    if name is None:
        return None
    if store is None:
        raise ConfigError(
            f"A registered model needs a store of runs. Received: --register {name} without one; name it by "
            "--tracking-uri, and leave out --no-track."
        )
    from pipelines.serving import check_name

    check_name(name)
    return Registering(name, store)
