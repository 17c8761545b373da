"""An explanation as one HTML file that loads nothing: what it comes to, its figures, its tables."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Final

import jinja2
from plotly.offline import get_plotlyjs

from pipelines.explaining.explanation import Explanation
from pipelines.plots.style import DARK, LIGHT
from pipelines.wording import MISSING, percent

_HEADINGS: Final = {
    "steps": "Past steps",
    "distance": "How far back",
    "covariates": "Covariates",
    "parts": "Parts of the network",
    "field": "Receptive field",
    "filters": "First filters",
    "stretches": "What excites its units",
    "deletion": "Is this to be believed?",
}
_CAPTIONS: Final = {
    "steps": "Above the series, below it how far each of its steps moves the forecast of each step ahead, by "
    "integrated gradients: blue up, orange down. A diagonal is one distance before the step forecast.",
    "distance": "How much of all influence lies how far before the step that is forecast, by integrated "
    "gradients, and by how far the forecast moves when the step is hidden.",
    "covariates": "How far the forecast moves, on average over the steps ahead, if the network does not "
    "know the covariate.",
    "parts": "The forecast, divided exactly among the parts of the network. A dilation stands for the range "
    "of the past that is seen up to there.",
    "field": "Where the influence of the past on the forecast ends, and how far back the network could look.",
    "filters": "How much of a wave of each period the first filters let through. Thin lines are single "
    "filters, the heavy one is all of them.",
    "stretches": "The stretches of the data that excite the most active units of the block with the largest "
    "part; the most exciting one is the heavy line.",
    "deletion": "How far the forecast moves when ever more of the past is hidden. What the explanation calls "
    "important should move it more than random steps do.",
}


def write_page(explanation: Explanation, path: Path, name: str = "") -> Path:
    """Write the page of an explanation.

    Args:
        explanation: The explanation.
        path: File to write.
        name: What the page calls the data.

    Returns:
        The path.
    """
    path.write_text(render_page(explanation, name), encoding="utf-8")
    return path


def render_page(explanation: Explanation, name: str = "") -> str:
    """Render the page of an explanation; the same explanation gives the same text.

    Args:
        explanation: The explanation.
        name: What the page calls the data.

    Returns:
        HTML page, complete in itself, in light and dark.
    """
    figures = {key: json.loads(figure.update_layout(title=None, margin_t=40).to_json())
               for key, figure in explanation.figures().items()}  # fmt: skip
    payload = {"figures": figures, "dark": {LIGHT[role]: DARK[role] for role in LIGHT}}
    script, library = _asset("page.js"), get_plotlyjs()
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html.j2").render(
        name=name or ", ".join(map(str, explanation.ids[:3])),
        explanation=explanation,
        cutoffs=sorted({str(stamp) for stamp in explanation.forecast["cutoff"]}),
        captions={key: _CAPTIONS[key] for key in figures},
        headings=_HEADINGS,
        tables=_tables(explanation),
        script=script,
        hashes=[_hash(script), _hash(library)],
        plotly=_packed(library),
        payload=_packed(json.dumps(payload, separators=(",", ":"), allow_nan=False)),
    )


def _tables(explanation: Explanation) -> dict[str, tuple[list[str], list[list[str]]]]:
    """The numbers behind a figure, for those who cannot see it: head and rows."""
    far = explanation.by_distance().sort_values("gradient", ascending=False, kind="stable").head(10)
    beside, parts = explanation.by_covariate().iloc[1:], explanation.by_part()
    moved = explanation.faithful()
    tables = {
        "distance": (
            ["Before the step", "Integrated gradients", "Change when hidden"],
            [[row.label, percent(row.gradient), percent(row.hidden)] for row in far.itertuples()],
        ),
        "covariates": (
            ["Covariate", "Role", "Integrated gradients", "Change without it"],
            [
                [
                    str(row.covariate),
                    str(row.role),
                    MISSING if row.gradient != row.gradient else percent(row.gradient),
                    percent(row.hidden),
                ]
                for row in beside.itertuples()
            ],
        ),
        "parts": (
            ["Part", "Share"],
            [[str(row.part), percent(row.share)] for row in parts.itertuples()],
        ),
        "deletion": (
            ["Order", "Change over that of random steps"],
            [[order, f"{moved[key]:.2f}"] for key, order in
             (("gradient", "largest gradients first"), ("hidden", "largest changes first"))],
        ),
    }  # fmt: skip
    return {key: table for key, table in tables.items() if table[1]}


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
