"""The page of figures: what is kept in bench/figures, and nothing else, rendered the same way every time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import asdict
from typing import Any

import pytest

from bench.peers.targets import Spread
from bench.plot import bars
from bench.render import PAGE, found_figures, plots, rendered
from bench.report import Figure

PLACE = "before\n<!-- figures: peers -->\nold\n<!-- end of figures -->\nafter\n"
MACHINE = {"cores": 2, "disk": "ext4", "python": "3.11.7", "system": "Linux"}


def run(number: int, wall: float, cpu: float, rss: float) -> dict[str, float]:
    return {
        "round": number,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "server_cpu_seconds": 0.5,
        "rss_mb": rss,
        "pss_mb": rss,
    }


def peers() -> dict[str, Any]:
    """Two of three rounds count for mbsync, and fdm was not there."""
    ours = [run(1, 10.0, 12.0, 120.0), run(2, 8.0, 10.0, 130.0), run(3, 20.0, 14.0, 125.0)]
    theirs = [run(1, 20.0, 6.0, 40.0), run(3, 10.0, 4.0, 41.0)]
    contest = {
        "corpus": "mixed",
        "storage": "embedded",
        "mails": 2_000,
        "size_bytes": 1_007_000_000,
        "attachments": 1_600,
        "seed": 1,
        "rounds": 3,
        "skipped": {"fdm": "needs fdm (Debian: fdm)"},
        "peers": {
            "postroom": {"does": "all of it", "runs": ours, "faults": []},
            "mbsync, fsync": {"does": "copies", "runs": theirs, "faults": ["round 2: 1 of 2000 mails\nlost"]},
        },
    }
    return {"command": "python -m bench.peers", "machine": MACHINE, "contests": [contest]}


@pytest.fixture
def page() -> str:
    return rendered(PLACE, {"peers": peers()})


def test_the_page_is_what_the_kept_figures_render() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert rendered(text, found_figures()) == text


def test_the_plots_are_what_the_kept_figures_render() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in PAGE.parent.glob("performance-*.svg")}

    assert plots(found_figures()) == kept


def test_every_kept_figure_has_its_place_in_the_page() -> None:
    places = set(re.findall(r"<!-- figures: ([\w-]+) -->", PAGE.read_text(encoding="utf-8")))

    assert set(found_figures()) <= places


def test_nothing_around_a_place_is_touched_and_what_was_in_it_goes(page: str) -> None:
    assert page.startswith("before\n<!-- figures: peers -->\n")
    assert page.endswith("\n<!-- end of figures -->\nafter\n")
    assert "old" not in page


def test_rendering_again_changes_nothing(page: str) -> None:
    assert rendered(page, {"peers": peers()}) == page


def test_a_place_without_figures_says_that_nothing_was_measured() -> None:
    assert "Not measured yet." in rendered(PLACE, {})


def test_medians_come_with_their_least_and_most(page: str) -> None:
    assert "| **postroom** | 200 (100 to 250) | 12.0 | 0.50 | 125 | all of it |" in page


def test_ratios_are_of_the_same_round_and_a_missed_aim_is_said(page: str) -> None:
    # Round 1: 20 s beside 10 s; round 3: 10 s beside 20 s.
    assert "| speed | mbsync, fsync | 1.25 (0.50 to 2.00) x | ≥ 1 | met |" in page
    assert "| CPU | mbsync, fsync | 2.75 (2.00 to 3.50) x | ≤ 1.5 | MISSED |" in page
    assert "| memory |  | 125 (120 to 130) MB | ≤ 150 | met |" in page


def test_who_was_not_there_and_what_did_not_count_is_named(page: str) -> None:
    assert "Skipped: fdm, needs fdm (Debian: fdm)." in page
    assert "Not counted: mbsync, fsync, round 2: 1 of 2000 mails lost" in page
    assert "| speed | getmail6 |  | ≥ 12 | not measured |" in page


def test_the_command_and_the_machine_are_named(page: str) -> None:
    assert "Made by `python -m bench.peers` on 2 cores, ext4, Python 3.11.7, Linux." in page


def test_fewer_than_three_rounds_are_called_a_try(page: str) -> None:
    short = peers()
    short["contests"][0]["rounds"] = 1

    assert "A try, no measurement" not in page
    assert "A try, no measurement" in rendered(PLACE, {"peers": short})


def test_single_figures_come_with_what_is_aimed_at() -> None:
    figures = [
        Figure("peak", 160.4, "MB", "of all", at_most=150.0),
        Figure("rate", 12.34, "mails/s", at_least=10.0),
        Figure("poll", 0.2444, "ms"),
    ]
    facts = {"command": "c", "machine": MACHINE, "figures": [asdict(figure) for figure in figures]}

    page = rendered(PLACE, {"peers": facts})

    assert "| peak | 160 | MB | ≤ 150: MISSED | of all |" in page
    assert "| rate | 12.3 | mails/s | ≥ 10: met |  |" in page
    assert "| poll | 0.24 | ms |  |  |" in page


def test_a_plot_is_svg_for_a_light_and_a_dark_page() -> None:
    svg = bars("mails & more", [("<a>", Spread(10, 5, 20)), ("postroom", Spread(20, 18, 40))], "postroom")

    texts = [each.text for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314  (ours)
    assert texts == ["mails & more", "postroom", "20.0", "<a>", "10.0"]
    assert "prefers-color-scheme: dark" in svg


def test_bars_are_as_long_as_their_medians_and_stay_in_the_picture() -> None:
    svg = bars("t", [("a", Spread(10, 5, 20)), ("postroom", Spread(20, 18, 40))], "postroom")

    rects = list(ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect"))  # noqa: S314  (ours)
    widths = [float(rect.attrib["width"]) for rect in rects]
    assert widths == [220.0, 110.0]
    assert [rect.attrib["class"] for rect in rects] == ["ours", "bar"]


def test_the_plots_are_named_by_mails_and_storage() -> None:
    assert [*plots({"peers": peers()})] == ["performance-mixed-embedded.svg"]
