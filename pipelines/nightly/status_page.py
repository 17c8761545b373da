"""A page that shows how a job is doing: one file, without scripts, that loads nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.disk import to_disk
from pipelines.nightly.drawing import Drawing, Line, draw
from pipelines.nightly.judging import levels_of, stamp, verdict_of
from pipelines.skill import REFERENCE
from pipelines.wording import number, percent

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.records import Finding
    from pipelines.nightly.scored import Scored

_WEEK: Final = 7  # nights that are shown without asking
_NUMBERS: Final = ("Rows", "Series", "Values", "MAE", "Seasonal naive", "Skill")


def write_status_page(
    path: Path, status: Mapping[str, Any], scored: Scored, alarms: Sequence[Finding] = ()
) -> None:
    """Write the page; one that is there is replaced as a whole.

    Args:
        path: The file, in a folder that exists.
        status: As ``pipelines.nightly.status.status`` returns it.
        scored: Scores of the nights that are watched.
        alarms: Those that the scores raise.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(_page(status, scored, alarms), encoding="utf-8")
        to_disk(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _page(status: Mapping[str, Any], scored: Scored, alarms: Sequence[Finding]) -> str:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = (resources.files("pipelines.nightly") / "templates" / "status.html.j2").read_text("utf-8")
    return environment.from_string(template).render(
        name=status["job"],
        folder=status["folder"],
        verdict=verdict_of(status, scored, alarms),
        tiles=_tiles(status, scored),
        drawings=_drawings(scored),
        groups=_groups(scored),
        nights=_nights(status),
        versions=_versions(status),
        numbers=_NUMBERS,
        week=_WEEK,
    )


def _tiles(status: Mapping[str, Any], scored: Scored) -> list[dict[str, str]]:
    champion = status["champion"]
    tiles = [
        {
            "name": "Champion",
            "value": f"v{champion}" if champion else "none",
            "note": _makers(status) or ("a network" if champion else "seasonal naive forecasts"),
        }
    ]
    if scored.overall.empty:
        return tiles
    own, naive = scored.overall.iloc[0], scored.overall.loc[REFERENCE]
    tiles += [
        {"name": "Skill", "value": _skill(own["mae"], naive["mae"]), "note": "against seasonal naive"},
        {
            "name": "Mean absolute error",
            "value": number(own["mae"]),
            "note": f"naive: {number(naive['mae'])}",
        },
    ]
    for level in levels_of(scored):
        inside = percent(own[f"coverage_{level}"])
        tiles.append({"name": f"Intervals of {level} %", "value": inside, "note": f"promised: {level} %"})
    nights = {"name": "Nights scored", "value": f"{scored.nights:,}", "note": f"{int(own['rows']):,} values"}
    return [*tiles, nights]


def _makers(status: Mapping[str, Any]) -> str:
    """Who has made what readers see."""
    return ", ".join((status["published"] or {}).get("models", {}))


def _drawings(scored: Scored) -> list[Drawing]:
    if scored.overall.empty:
        return []
    of_nights = [stamp(cutoff) for cutoff in scored.by_cutoff["cutoff"].unique()]
    of_steps = [f"{step} ahead" for step in scored.by_step["step"].unique()]
    return [
        drawing
        for drawing in (
            draw(
                "Mean absolute error by night", _errors(scored, scored.by_cutoff, of_nights), _ends(of_nights)
            ),
            draw("Share of values inside, by night", _coverage(scored, of_nights), _ends(of_nights), " %"),
            draw("Mean absolute error by step", _errors(scored, scored.by_step, of_steps), _ends(of_steps)),
        )
        if drawing is not None
    ]


def _errors(scored: Scored, table: pd.DataFrame, places: list[str]) -> list[Line]:
    lines = []
    for model, style in zip(scored.overall.index, ("model", "season"), strict=True):
        values = table.loc[table["model"] == model, "mae"].tolist()
        texts = [f"{model}, {place}: {number(value)}" for place, value in zip(places, values, strict=True)]
        lines.append(Line(model, style, values, texts))
    return lines


def _coverage(scored: Scored, places: list[str]) -> list[Line]:
    """A line for the innermost and the outermost interval, each with its promise."""
    table = scored.by_cutoff[scored.by_cutoff["model"] == scored.overall.index[0]]
    levels, lines = levels_of(scored), []
    for level, style in zip(dict.fromkeys((*levels[:1], *levels[-1:])), ("model", "second"), strict=False):
        values = (100 * table[f"coverage_{level}"]).tolist()
        texts = [f"{level} %, {place}: {value:.1f} %" for place, value in zip(places, values, strict=True)]
        promise = [float(level)] * len(values)
        lines += [
            Line("promised", "promise", promise, [f"{level} % promised"] * len(values)),
            Line(f"{level} %", style, values, texts),
        ]
    return lines


def _ends(places: list[str]) -> tuple[str, str]:
    return places[0], places[-1]


def _groups(scored: Scored) -> dict[str, Any] | None:
    if scored.by_group.empty:
        return None
    own, naive = (
        scored.by_group[scored.by_group["model"] == model].set_index("group")
        for model in scored.overall.index
    )
    rows = [
        [
            str(group),
            f"{int(row['rows']):,}",
            number(row["mae"]),
            number(naive.loc[group, "mae"]),
            _skill(row["mae"], naive.loc[group, "mae"]),
        ]
        for group, row in own.iterrows()
    ]
    return {"columns": ["Group", "Values", "MAE", "Seasonal naive", "Skill"], "rows": rows}


def _nights(status: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        [
            stamp(night["cutoff"]),
            f"{night['series']:,}",
            f"{night['rows']:,}",
            ", ".join(f"{name}: {count:,} series" for name, count in night["models"].items()),
            [
                {"text": f"{finding['check']}: {finding['message']}", "stop": finding["severity"] == "fail"}
                for finding in night["findings"]
            ],
        ]
        for night in status["nights"]
    ]
    return {"columns": ["Cutoff", "Series", "Rows", "Forecast by", "Findings"], "rows": rows}


def _versions(status: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        [
            f"v{version['number']}" + (" (champion)" if version["number"] == status["champion"] else ""),
            stamp(version["cutoff"]),
            str(version["reason"]),
        ]
        for version in status["versions"]
    ]
    return {"columns": ["Version", "Trained up to", "Judged"], "rows": rows}


def _skill(own: float, naive: float) -> str:
    return percent(1 - own / naive) if naive > 0 else number(float("nan"))
