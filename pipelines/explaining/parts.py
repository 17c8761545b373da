"""What each part of a network adds to a forecast, in the units of the target, exactly."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipelines.explaining.subjects import Floats, Subject
from pipelines.explaining.targets import Link, in_target_units
from pipelines.transforms import TransformedTable

LEVEL: Final = "level"
SEASON_BEFORE: Final = "season before"
CALIBRATION: Final = "calibration"
BOUNDS: Final = "bounds"


def divided(subject: Subject) -> tuple[Floats, dict[str, Floats]]:
    """Divide a forecast among the parts that it comes from.

    Args:
        subject: What is explained.

    Returns:
        ``(horizon,)`` the forecast as ``Forecaster.predict`` gives it, and the name of each part to
        ``(horizon,)`` what it adds: "level", then the parts of ``tcn.inspection.forecast_contributions``.
        With differences "season before", the values that changes are added to, comes first; with conformal
        calibration of another quantile than the median "calibration" says what that moves; last comes
        "bounds", what rounding and the least value that is possible do, if they do something.
    """
    from pipelines.network import parts_of_forecasts

    shares = {
        name: part[0]
        for name, part in parts_of_forecasts(subject.network, subject.inputs, subject.quantile).items()
    }
    level = shares.pop(LEVEL)
    link = Link.between(subject, level, level + np.sum([*shares.values()], axis=0))
    known = _season_before(subject)
    parts = {} if known is None else {SEASON_BEFORE: known}
    parts[LEVEL] = link.begin - (0.0 if known is None else known)
    parts |= {name: link.slope * share for name, share in shares.items()}
    forecast, network = link.end, link.end
    if subject.fitted.conformal is not None and subject.quantile != 0.5:
        forecast = _of_forecaster(subject)
        parts[CALIBRATION] = forecast - network
    possible = subject.fitted.possible(forecast.copy(), _floor(subject))
    if (possible != forecast).any():
        parts[BOUNDS] = possible - forecast
    return possible, parts


def _season_before(subject: Subject) -> Floats | None:
    """The values that changes are added to; None where values are forecast."""
    table = subject.table
    if not (isinstance(table, TransformedTable) and table.season_length):
        return None
    place = np.array([subject.series]), np.array([subject.row])
    if subject.row < table.moved[subject.series]:
        return None
    # A change of nothing: minus what the table adds to what the network says.
    nothing = -table.base[subject.series] / table.unit[subject.series]
    zero = np.full((1, 1, subject.fitted.plan.horizon), nothing)
    known: Floats = in_target_units(table, *place, zero)[0, 0]
    return known


def _of_forecaster(subject: Subject) -> Floats:
    """The quantile after its conformal calibration."""
    place = np.array([subject.series]), np.array([subject.row])
    made = subject.fitted.forecast(subject.table, *place, {"forecast": subject.quantile})
    calibrated: Floats = made["forecast"][0, 0]
    return calibrated


def _floor(subject: Subject) -> Floats:
    place = np.array([subject.series]), np.array([subject.row])
    floor: Floats = subject.fitted.floor(subject.table, *place)[0]
    return floor
