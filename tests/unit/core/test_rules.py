"""What an org wants as documents."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.kinds import Verdict, body_to_keep, judge
from postroom.core.part import Part
from postroom.core.rules import DEFAULT_RULES, Body, Inline, Rules, Standard, unwanted

PDF = Part("1", 0, 0, 0, content_type="application/pdf", filename="Invoice 7.PDF", disposition="attachment")
LOGO = Part("2", 0, 0, 0, content_type="image/png", disposition="inline", content_id="logo")

kinds = st.sampled_from(["application/pdf", "image/png", "application/xml; profile=ubl-invoice", "text/csv"])
patterns = st.lists(st.sampled_from(["*", "application/*", "image/*", "*; profile=*"]), max_size=3).map(tuple)


def said(part: Part, rules: Rules, *, size: int = 10, sniffed: str = "", cids: str = "") -> Verdict:
    referenced = frozenset({cids} - {""})
    return judge(part, size, sniffed=sniffed, referenced_cids=referenced, standard=Standard(rules=rules))


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        pytest.param(Rules(), Verdict(kept=True, reason="attachment"), id="everything"),
        pytest.param(Rules(kinds=("image/*",)), Verdict(kept=False, reason="kind not wanted"), id="images"),
        pytest.param(Rules(kinds=("text/csv",)), Verdict(kept=True, reason="attachment"), id="by its bytes"),
        pytest.param(
            Rules(skip_kinds=("APPLICATION/pdf",)),
            Verdict(kept=False, reason="kind not wanted"),
            id="no PDF",
        ),
        pytest.param(Rules(names=("*.pdf",)), Verdict(kept=True, reason="attachment"), id="by its name"),
        pytest.param(
            Rules(names=("*.xml",)), Verdict(kept=False, reason="name not wanted"), id="no such name"
        ),
        pytest.param(
            Rules(skip_names=("invoice*",)), Verdict(kept=False, reason="name not wanted"), id="skipped name"
        ),
        pytest.param(Rules(min_bytes=11), Verdict(kept=False, reason="too small"), id="small"),
        pytest.param(Rules(max_bytes=9), Verdict(kept=False, reason="too large"), id="large"),
        pytest.param(
            Rules(min_bytes=10, max_bytes=10), Verdict(kept=True, reason="attachment"), id="just so"
        ),
    ],
)
def test_what_is_wanted_is_kept_and_the_rest_says_why_not(rules: Rules, verdict: Verdict) -> None:
    assert said(PDF, rules, sniffed="text/csv") == verdict


def test_a_pattern_with_a_parameter_asks_for_all_of_the_type() -> None:
    invoices = Rules(kinds=("application/xml; profile=ubl-*",))

    kept = said(PDF, invoices, sniffed="application/xml; profile=ubl-invoice")
    skipped = said(PDF, invoices, sniffed="application/xml")

    assert (kept.kept, skipped.kept) == (True, False)


def test_a_name_with_folders_matches_by_its_last_part_too() -> None:
    packed = replace(PDF, filename="2026/11\\a.pdf")

    assert said(packed, Rules(names=("a.pdf",))).kept


@pytest.mark.parametrize(
    ("inline", "shown", "verdict"),
    [
        pytest.param(Inline.SKIP, "logo", Verdict(kept=False, reason="inline image"), id="skip, shown"),
        pytest.param(Inline.SKIP, "", Verdict(kept=False, reason="inline image"), id="skip, not shown"),
        pytest.param(Inline.UNSHOWN, "logo", Verdict(kept=False, reason="inline image"), id="unshown, shown"),
        pytest.param(Inline.UNSHOWN, "", Verdict(kept=True, reason="inline image"), id="unshown, not shown"),
        pytest.param(Inline.KEEP, "logo", Verdict(kept=True, reason="inline image"), id="keep, shown"),
    ],
)
def test_inline_images_follow_their_own_rule(inline: Inline, shown: str, verdict: Verdict) -> None:
    assert said(LOGO, Rules(inline=inline), cids=shown) == verdict


TEXT = ("1", Verdict(kept=False, reason="text body"))
HTML = ("2", Verdict(kept=False, reason="html body"))
FILE = ("3", Verdict(kept=True, reason="attachment"))
SIGNATURE = ("4", Verdict(kept=True, reason="signature"))


@pytest.mark.parametrize(
    ("verdicts", "body", "path"),
    [
        pytest.param([TEXT, HTML], (), None, id="none is wanted"),
        pytest.param([TEXT, HTML], (Body.TEXT,), "1", id="the text"),
        pytest.param([TEXT, HTML], (Body.HTML, Body.TEXT), "2", id="the HTML first"),
        pytest.param([TEXT, SIGNATURE], (Body.HTML, Body.TEXT), "1", id="the text where there is no HTML"),
        pytest.param([TEXT, FILE], (Body.TEXT,), None, id="there is an attachment"),
        pytest.param([], (Body.TEXT,), None, id="there is nothing"),
    ],
)
def test_a_body_stands_in_where_there_is_no_attachment(
    verdicts: list[tuple[str, Verdict]], body: tuple[Body, ...], path: str | None
) -> None:
    assert body_to_keep(verdicts, Rules(body=body)) == path


@given(kinds, kinds, st.text(max_size=20), st.integers(0, 100))
def test_the_default_rules_want_everything(declared: str, sniffed: str, name: str, size: int) -> None:
    assert unwanted(DEFAULT_RULES, types=(declared, sniffed), name=name, size=size) == ""


@given(patterns, patterns, kinds, kinds)
def test_what_is_to_be_skipped_is_never_kept(
    wanted: tuple[str, ...], skipped: tuple[str, ...], declared: str, sniffed: str
) -> None:
    rules, only_skip = Rules(kinds=wanted, skip_kinds=skipped), Rules(kinds=("*",), skip_kinds=skipped)

    alone = unwanted(only_skip, types=(declared, sniffed), name="", size=0)
    both = unwanted(rules, types=(declared, sniffed), name="", size=0)

    assert both or not alone


@given(st.text(), st.text(), st.integers(0, 10))
def test_no_name_whatever_breaks_a_rule(name: str, pattern: str, size: int) -> None:
    reason = unwanted(Rules(names=(pattern,)), types=("a/b",), name=name, size=size)

    assert reason in {"", "name not wanted"}
