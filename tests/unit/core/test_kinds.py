"""What is a document."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.kinds import Verdict, judge, referenced_cids
from postroom.core.limits import DEFAULT_LIMITS
from postroom.core.part import Part
from postroom.core.rules import Standard

PART = Part("1", 0, 0, 0)


def part(content_type: str, disposition: str = "", filename: str = "", content_id: str = "") -> Part:
    return replace(
        PART, content_type=content_type, disposition=disposition, filename=filename, content_id=content_id
    )


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        pytest.param(part("application/pdf", "attachment", "a.pdf"), "attachment", id="attached"),
        pytest.param(part("application/pdf", "enclosure", "a.pdf"), "attachment", id="an unknown word"),
        pytest.param(part("application/pdf"), "attachment", id="the mail is the document"),
        pytest.param(part("application/pdf", "", "a.pdf"), "named part", id="only a name"),
        pytest.param(part("application/pdf", "inline", "a.pdf"), "inline document", id="inline"),
        pytest.param(part("text/plain", "attachment"), "attachment", id="attached text"),
        pytest.param(part("text/csv", "inline", "a.csv"), "inline document", id="inline text with a name"),
        pytest.param(part("text/html", "", "a.html"), "named part", id="named html"),
        pytest.param(part("text/calendar", "attachment", "a.ics"), "attachment", id="calendar"),
        pytest.param(part("text/csv"), "attachment", id="csv without a name"),
        pytest.param(part("image/png", "attachment", "a.png"), "attachment", id="attached image"),
        pytest.param(part("image/png", "inline", "a.png"), "named part", id="named image nobody shows"),
        pytest.param(part("image/tiff"), "attachment", id="a bare scan"),
        pytest.param(
            part("application/x-pkcs7-mime", "", "smime.p7m"), "named part", id="an S/MIME envelope"
        ),
        pytest.param(part("message/rfc822"), "message", id="an attached message that cannot be entered"),
        pytest.param(
            part("application/pkcs7-signature", "attachment", "smime.p7s"), "signature", id="S/MIME"
        ),
        pytest.param(part("application/pgp-signature"), "signature", id="PGP"),
        pytest.param(part("application/pgp-encrypted"), "encrypted", id="PGP/MIME"),
    ],
)
def test_a_document_is_kept(judged: Part, reason: str) -> None:
    assert judge(judged, 1, referenced_cids=frozenset()) == Verdict(kept=True, reason=reason)


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        pytest.param(part("text/plain"), "text body", id="text"),
        pytest.param(part("text/plain", "inline"), "text body", id="inline text"),
        pytest.param(part("message/delivery-status"), "text body", id="a bounce's report"),
        pytest.param(part("message/external-body"), "text body", id="content elsewhere"),
        pytest.param(part("multipart/mixed"), "text body", id="a multipart without boundary"),
        pytest.param(part("text/html"), "html body", id="html"),
        pytest.param(
            part("image/png", "inline", "logo.png", "logo@a"), "inline image", id="shown by the html"
        ),
        pytest.param(part("image/png", "inline"), "inline image", id="inline image without a name"),
        pytest.param(part("image/png", "", "", "x@a"), "inline image", id="image with an id only"),
        pytest.param(
            replace(part("message/rfc822", "attachment", "a.eml"), is_container=True),
            "container",
            id="message",
        ),
        pytest.param(replace(part("multipart/mixed"), is_container=True), "container", id="multipart"),
    ],
)
def test_what_is_no_document_is_skipped(judged: Part, reason: str) -> None:
    verdict = judge(judged, 1, referenced_cids=frozenset({"logo@a"}))

    assert verdict == Verdict(kept=False, reason=reason)


@pytest.mark.parametrize(
    ("size", "kept_before", "verdict"),
    [
        (100, 4, Verdict(kept=True, reason="attachment")),
        (101, 4, Verdict(kept=False, reason="too large")),
        (100, 5, Verdict(kept=False, reason="too many")),
    ],
)
def test_a_limit_is_named(size: int, kept_before: int, verdict: Verdict) -> None:
    standard = Standard(limits=replace(DEFAULT_LIMITS, attachment_bytes=100, attachments=5))

    said = judge(
        part("application/pdf", "attachment", "a.pdf"),
        size,
        referenced_cids=frozenset(),
        kept_before=kept_before,
        standard=standard,
    )

    assert said == verdict


@pytest.mark.parametrize(
    "smime_type",
    [
        pytest.param("enveloped-data", id="encrypted"),
        pytest.param("authenveloped-data", id="encrypted with a tag"),
    ],
)
def test_what_nobody_here_can_open_is_kept_and_called_encrypted(smime_type: str) -> None:
    sealed = part("application/x-pkcs7-mime", "attachment", "smime.p7m")

    said = judge(
        sealed,
        1,
        sniffed=f"application/pkcs7-mime; smime-type={smime_type}",
        referenced_cids=frozenset(),
    )

    assert said == Verdict(kept=True, reason="encrypted")


def test_html_names_the_images_it_shows() -> None:
    html = b"""<img src="cid:a@b"> <img src='CID:c%40d'> <td style="background:url(cid:e)"> cid: """

    assert referenced_cids(html) == {"a@b", "c@d", "e"}


@pytest.mark.parametrize("piece", [b"cid:", b"cid:x", b"cid:%", b'cid:"'])
def test_a_bomb_of_images_is_read_in_one_pass(piece: bytes) -> None:
    assert len(referenced_cids(piece * 200_000)) <= 200_000


@given(st.binary())
def test_no_bytes_whatever_break_the_search_for_images(html: bytes) -> None:
    assert all(cid for cid in referenced_cids(b"cid:a" + html))
