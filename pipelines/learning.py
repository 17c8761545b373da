"""A fit as a whole: from rows to what was learned of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipelines.config import Settings
from pipelines.errors import ConfigError
from pipelines.fine_tuning import prepare_tuning
from pipelines.fitted import Fitted
from pipelines.keeping import kept_of
from pipelines.panel import Panel
from pipelines.preparing import Prepared
from pipelines.preparing_parts import prepare_rows
from pipelines.store import PanelStore


def prepared(settings: Settings, rows: Panel | PanelStore, source: Fitted | None = None) -> Prepared:
    """Read rows, and plan a fit to them.

    Args:
        settings: What is asked for.
        rows: The rows of the fit.
        source: What training goes on from; None to begin anew.

    Returns:
        What the fit begins with.

    Raises:
        PanelError: If the rows cannot be used.
        ConfigError: If the settings do not fit them, or what training goes on from.
    """
    if source is None:
        return prepare_rows(settings, rows)
    if isinstance(rows, PanelStore):
        raise ConfigError("A fit from a store begins anew. Received: initial='bundle'; leave it out.")
    return prepare_tuning(settings, rows, source)


def learn(
    settings: Settings,
    rows: Panel | PanelStore,
    callbacks: Iterable[Callable[[dict[str, float]], None]] = (),
    source: Fitted | None = None,
) -> Fitted:
    """Train on all rows.

    Args:
        settings: What is asked for.
        rows: The rows of the fit.
        callbacks: Each is called with the record of every epoch.
        source: What training goes on from; None to begin anew.

    Returns:
        What was learned, its intervals not yet calibrated on rows of their own.

    Raises:
        PanelError, ConfigError: As of ``prepared``.
        ForecastingError: If training fails.
    """
    start = prepared(settings, rows, source)

    from pipelines.calibration import Calibration, calibrate, set_factors
    from pipelines.network import build_network
    from pipelines.training import train

    network = build_network(start.plan, settings.seed)
    if source is not None:
        network.set_weights(source.network.get_weights())
        set_factors(network)
    history = train(network, start.table, start.plan, settings.seed, settings.time_budget, callbacks)
    if source is None:
        calibration = calibrate(network, start.table, start.plan, settings.seed)
    else:
        # What a member was kept from learning before, it may have learned by now, and vice versa.
        calibration = Calibration(source.calibration, source.dependence)
        set_factors(network, **source.calibration)
    return Fitted(
        settings=settings,
        plan=start.plan,
        network=network,
        history=history,
        calibration=calibration.factors,
        dependence=calibration.dependence,
        nonnegative=settings.target != "real" and start.table.nonnegative,
        covariates=start.covariates,
        transform=start.transform,
        **kept_of(rows, source),
    )
