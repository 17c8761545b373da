"""What an explanation comes to, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.wording import percent

if TYPE_CHECKING:
    from pipelines.explaining.explanation import Explanation

_TOP: Final = 3
_NAMED: Final = 6
# A covariate without which forecasts move by less than this share of a series' spread.
_NOTHING: Final = 0.02


def highlights(explanation: Explanation) -> tuple[str, ...]:
    """Say in a few sentences what an explanation comes to.

    Args:
        explanation: The explanation.

    Returns:
        A sentence each on past steps, covariates, parts, and the receptive field.
    """
    lines = [_past(explanation), *_covariates(explanation), _parts(explanation), _field(explanation)]
    return tuple(line for line in lines if line)


def _past(explanation: Explanation) -> str:
    found = explanation.by_distance().sort_values("gradient", ascending=False, kind="stable").head(_TOP)
    if not found["gradient"].sum() > 0:
        return "No value of the past matters: the forecast stays as it is whatever they are."
    named = [f"{row.label} before it ({percent(row.gradient, 0)})" for row in found.itertuples()]
    return f"Of the past, what lies {named[0]} matters most to a step, then {' and '.join(named[1:])}."


def _covariates(explanation: Explanation) -> list[str]:
    found = explanation.by_covariate().iloc[1:]
    matters = found[found["hidden"] >= _NOTHING]
    lines = []
    if len(matters):
        named = [
            f"{row.covariate} moves it by {percent(row.hidden, 0)}" for row in matters.head(_TOP).itertuples()
        ]
        lines.append(f"Beside the past, {', '.join(named)} of the usual distance from the mean.")
    if len(ignored := found.loc[found["hidden"] < _NOTHING, "covariate"].tolist()):
        more = f" and {len(ignored) - _NAMED} more" * (len(ignored) > _NAMED)
        lines.append(f"Hardly used: {', '.join(ignored[:_NAMED])}{more}.")
    return lines


def _parts(explanation: Explanation) -> str:
    found = explanation.by_part().sort_values("share", ascending=False, kind="stable").head(_TOP)
    if not found["share"].sum() > 0:
        return ""
    named = ", ".join(f"{row.part} ({percent(row.share, 0)})" for row in found.itertuples())
    return f"The largest parts of the network's answer are {named}."


def _field(explanation: Explanation) -> str:
    field = explanation.field
    if field.effective is None:
        return ""
    return (
        f"{percent(field.share, 0)} of the influence lies in the last {explanation.period(field.effective)}; "
        f"the network could see {explanation.period(field.nominal)}."
    )
