"""The tables and plots of docs/explanation/performance.md, out of bench/figures: `make bench-page`.

Each place in the page is between two comments, `<!-- figures: NAME -->` and `<!-- end of figures -->`, and
NAME.json fills it.  The same figures always give the same page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bench.peers.taking import POSTROOM
from bench.peers.targets import Facts, Spread, figures, mails_per_second, ratios, verdict
from bench.plot import bars
from bench.report import Figure

ROOT: Final = Path(__file__).parents[1]
FIGURES: Final = ROOT / "bench" / "figures"
PAGE: Final = ROOT / "docs" / "explanation" / "performance.md"
_PLACE: Final = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_NOT_YET: Final = "Not measured yet.\n"
_ROUNDS: Final = 3
_STORAGES: Final = {
    "embedded": "rows in SQLite, objects in files",
    "cluster": "rows in PostgreSQL, objects in S3",
}


def rendered(page: str, found: Mapping[str, Facts]) -> str:
    """Return the page with each of its places filled from the figures of that name."""

    def fill(place: re.Match[str]) -> str:
        facts = found.get(place[2])
        return f"{place[1]}\n{table(facts) if facts else _NOT_YET}\n{place[3]}"

    return _PLACE.sub(fill, page)


def plots(found: Mapping[str, Facts]) -> dict[str, str]:
    """Return an SVG for each contest, by its file name."""
    return {
        plot_name(contest): bars(
            f"{contest['corpus']}: mails per second",
            [(name, rate) for name in contest["peers"] if (rate := mails_per_second(contest, name))],
            POSTROOM,
        )
        for facts in found.values()
        for contest in facts.get("contests", [])
    }


def plot_name(contest: Facts) -> str:
    return f"performance-{contest['corpus']}-{contest['storage']}.svg"


def table(facts: Facts) -> str:
    """Return the Markdown of one file of figures."""
    if "contests" in facts:
        return "\n".join(_contest(contest, facts) for contest in facts["contests"])
    lines = [
        f"| {figure.name} | {_number(figure.value)} | {figure.unit} | {_aim(figure)} | {figure.note} |"
        for figure in (Figure(**each) for each in facts["figures"])
    ]
    return "\n".join(["| | | | aim | |", "|---|---|---|---|---|", *lines, "", _made_by(facts)]) + "\n"


def _contest(contest: Facts, facts: Facts) -> str:
    blocks = [
        f"**{contest['corpus']}**: {contest['mails']:,} mails, {contest['size_bytes'] / 1e6:,.0f} MB,"
        f" {contest['attachments']:,} attachments; {_STORAGES[contest['storage']]};"
        f" median of {contest['rounds']} round(s), with the least and the most.",
        *_warning(contest),
        f"![Mails per second of each]({plot_name(contest)})",
        "\n".join(_costs(contest)),
        "\n".join(_ratios(contest)),
        *_left_out(contest),
        _made_by(facts),
    ]
    return "\n\n".join(blocks) + "\n"


def _warning(contest: Facts) -> Iterator[str]:
    if contest["rounds"] < _ROUNDS:
        yield f"**A try, no measurement**: fewer than {_ROUNDS} rounds."


def _costs(contest: Facts) -> Iterator[str]:
    yield "| who | mails/s | CPU s | server's CPU s | memory MB | what it does |"
    yield "|---|---|---|---|---|---|"
    for name, record in contest["peers"].items():
        rate = mails_per_second(contest, name)
        if rate is None:
            continue
        columns = [figures(contest, name, field) for field in ("cpu_seconds", "server_cpu_seconds", "rss_mb")]
        cells = " | ".join(_number(column.median) if column else "" for column in columns)
        who = f"**{name}**" if name == POSTROOM else name
        yield f"| {who} | {_spread(rate)} | {cells} | {record['does']} |"


def _ratios(contest: Facts) -> Iterator[str]:
    yield "| postroom's | beside | ratio | aim | |"
    yield "|---|---|---|---|---|"
    for measure, peer, found, aim in ratios(contest):
        ratio = f"{_spread(found)}{' x' if peer else ' MB'}" if found else ""
        bound = f"{'≥' if aim.at_least else '≤'} {aim.bound:g}" if aim else ""
        yield f"| {measure} | {peer} | {ratio} | {bound} | {verdict(aim, found) if aim else ''} |"


def _left_out(contest: Facts) -> Iterator[str]:
    for name, why in contest["skipped"].items():
        yield f"Skipped: {name}, {why}."
    for name, record in contest["peers"].items():
        for fault in record["faults"]:
            yield f"Not counted: {name}, {' '.join(fault.split())}"


def _made_by(facts: Facts) -> str:
    machine = facts["machine"]
    return (
        f"Made by `{facts['command']}` on {machine['cores']} cores, {machine['disk']},"
        f" Python {machine['python']}, {machine['system']}."
    )


def _aim(figure: Figure) -> str:
    return figure.aim.removeprefix("aim ").replace("<=", "≤").replace(">=", "≥")


def _spread(found: Spread) -> str:
    return f"{_number(found.median)} ({_number(found.least)} to {_number(found.most)})"


def _number(value: float) -> str:
    """Return three digits that count, and all of those before the point."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def found_figures(folder: Path = FIGURES) -> dict[str, Any]:
    """Return all figures that are kept, by the name of their file."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def main() -> None:
    found = found_figures()
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    for name, plot in plots(found).items():
        PAGE.with_name(name).write_text(plot, encoding="utf-8")


if __name__ == "__main__":
    main()
