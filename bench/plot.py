"""Bars as SVG, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from bench.peers.targets import Spread

_WIDTH, _NAMES, _VALUES, _ROW, _TOP = 720, 190, 90, 26, 40
_STYLE: Final = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.bar { fill: #afb8c1 }
.ours { fill: #0969da }
.spread { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .bar { fill: #6e7681 }
  .ours { fill: #2f81f7 }
  .spread { stroke: #e6edf3 }
}
</style>"""


def bars(title: str, rows: Sequence[tuple[str, Spread]], ours: str) -> str:
    """Return a bar for the median of each row, the longest on top, with a line from the least to the most.

    The row that is named `ours` stands out; nothing tells what only its colour would tell.
    """
    ordered = sorted(rows, key=lambda row: -row[1].median)
    most = max((spread.most for _, spread in ordered), default=1.0)
    height = _TOP + _ROW * len(ordered) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        _STYLE,
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
    ]
    for number, (name, spread) in enumerate(ordered):
        lines += _row(
            name, spread, (_WIDTH - _NAMES - _VALUES) / most, _TOP + _ROW * number, is_ours=name == ours
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _row(name: str, spread: Spread, scale: float, top: int, *, is_ours: bool) -> Iterator[str]:
    middle = top + _ROW // 2
    least, median, most = (_NAMES + value * scale for value in (spread.least, spread.median, spread.most))
    kind = "ours" if is_ours else "bar"
    weight = ' class="title"' if is_ours else ""
    yield f'<text{weight} x="{_NAMES - 8}" y="{middle + 4}" text-anchor="end">{escape(name)}</text>'
    size = f'width="{median - _NAMES:.1f}" height="{_ROW - 8}"'
    yield f'<rect class="{kind}" x="{_NAMES}" y="{top + 4}" {size}/>'
    yield f'<line class="spread" x1="{least:.1f}" x2="{most:.1f}" y1="{middle}" y2="{middle}"/>'
    yield f'<text x="{most + 8:.1f}" y="{middle + 4}">{spread.median:,.1f}</text>'
