"""Shapes of explanatory drawings as SVG; the same arguments give the same text."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.plots.style import FONT, LIGHT


def svg(width: float, height: float, parts: Iterable[str]) -> str:
    """Put parts on a surface of their own, so that they can be read on any page."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}" font-size="15">'
    surface = f'<rect width="100%" height="100%" rx="6" fill="{LIGHT["surface"]}"/>'
    return "\n".join([opening, surface, *parts, "</svg>"]) + "\n"


def line(start: tuple[float, float], end: tuple[float, float], color: str, width: float) -> str:
    """Draw a line."""
    ends = f'x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}"'
    return f'<line {ends} stroke="{color}" stroke-width="{width:g}"/>'


def dot(center: tuple[float, float], color: str, radius: float = 8) -> str:
    """Draw a dot."""
    return f'<circle cx="{center[0]:g}" cy="{center[1]:g}" r="{radius:g}" fill="{color}"/>'


def box(x: float, y: float, size: float, color: str) -> str:
    """Draw a square with rounded corners."""
    return f'<rect x="{x:g}" y="{y:g}" width="{size:g}" height="{size:g}" rx="3" fill="{color}"/>'


def text(place: tuple[float, float], words: str, dx: float = 0, anchor: str = "middle") -> str:
    """Write a line of text at the height of a dot's middle."""
    at = f'x="{place[0] + dx:g}" y="{place[1] + 5:g}"'
    return f'<text {at} text-anchor="{anchor}" fill="{LIGHT["ink"]}">{words}</text>'
