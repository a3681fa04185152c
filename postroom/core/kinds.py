"""What is a document: each part is kept or skipped, and a stable word says why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from postroom.core.part import Part
from postroom.core.rules import DEFAULT_STANDARD, Inline, Rules, Standard, unwanted
from postroom.core.words import decode_text

_SIGNATURES = frozenset(
    {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
)
# PGP/MIME (RFC 3156 4) and what CMS encrypts (RFC 8551 3.3, RFC 5083)
_ENCRYPTED = frozenset(
    {
        "application/pgp-encrypted",
        "application/pkcs7-mime; smime-type=enveloped-data",
        "application/pkcs7-mime; smime-type=encrypted-data",
        "application/pkcs7-mime; smime-type=authenveloped-data",
    }
)
_HTML_BODIES = frozenset({"text/html", "text/x-amp-html", "text/watch-html"})
_TEXT_BODIES = frozenset(
    {
        "text/plain",
        "text/enriched",
        "text/richtext",
        "text/markdown",
        "text/rfc822-headers",
        # Reports of machines about a mail (RFC 3464, 8098, 5965)
        "message/delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
        "message/global-delivery-status",
        "message/global-disposition-notification",
        "message/external-body",  # RFC 2046 5.2.3: the content is somewhere else
    }
)
_CID = re.compile(rb"cid:([^\s\"'<>()\\]{1,998})", re.IGNORECASE)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_MOST_CIDS = 10_000  # different ones; a message has fewer parts that they could name


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a part becomes a document, and why: one of the words of `judge`."""

    kept: bool
    reason: str


def judge(
    part: Part,
    size: int,
    *,
    sniffed: str = "",
    referenced_cids: frozenset[str],
    kept_before: int = 0,
    standard: Standard = DEFAULT_STANDARD,
) -> Verdict:
    """Return the verdict on one part; `size` is that of the decoded content in bytes, `sniffed` its own type.

    Kept: "attachment", "named part", "inline document", "message" (an attached message whose parts are hidden
    by its encoding), "signature", "encrypted", "inline image" (where the rules want them).  Skipped:
    "container", "inline image", "text body", "html body", and what else would be kept: what the rules do not
    want ("kind not wanted", "name not wanted", "too small", "too large"), what is over
    limits.attachment_bytes ("too large"), and what comes when `kept_before`, the documents already kept of
    this message, has reached limits.attachments ("too many").
    """
    rules, limits = standard.rules, standard.limits
    skipped = _skipped(part, referenced_cids, rules.inline) or unwanted(
        rules, types=(part.content_type, sniffed), name=part.filename, size=size
    )
    if skipped:
        return Verdict(kept=False, reason=skipped)
    if size > limits.attachment_bytes:
        return Verdict(kept=False, reason="too large")
    if kept_before >= limits.attachments:
        return Verdict(kept=False, reason="too many")
    return Verdict(kept=True, reason=_kept(part, sniffed, referenced_cids))


def body_to_keep(verdicts: Sequence[tuple[str, Verdict]], rules: Rules) -> str | None:
    """Return the path of the body that becomes the document of a mail without another, None where none does.

    `verdicts` has the path of each part and what `judge` said.  A signature is no other document.
    """
    if any(verdict.kept and verdict.reason != "signature" for _, verdict in verdicts):
        return None
    for wanted in rules.body:
        for path, verdict in verdicts:
            if verdict.reason == f"{wanted} body":
                return path
    return None


def _skipped(part: Part, referenced_cids: frozenset[str], inline: Inline) -> str:
    if part.is_container:
        return "container"
    if inline is not Inline.KEEP and _is_inline_image(part, referenced_cids, inline):
        return "inline image"
    if part.filename or _is_attached(part) or part.content_type in _SIGNATURES:
        return ""
    if part.content_type in _HTML_BODIES:
        return "html body"
    # A multipart that is no container has nothing in it but text: no boundary is declared, none is there.
    is_text = part.content_type in _TEXT_BODIES or part.content_type.startswith("multipart/")
    return "text body" if is_text else ""


def _is_inline_image(part: Part, referenced_cids: frozenset[str], inline: Inline) -> bool:
    if not part.content_type.startswith("image/"):
        return False
    if part.content_id and part.content_id in referenced_cids:
        return True
    # A scan sent as the bare body of a mail has no name either, but nothing calls it inline.
    meant_inline = part.disposition == "inline" or bool(part.content_id)
    return inline is not Inline.UNSHOWN and meant_inline and not part.filename and not _is_attached(part)


def _is_attached(part: Part) -> bool:
    return part.disposition not in {"", "inline"}  # RFC 2183 2.8: an unknown word means attachment


def _kept(part: Part, sniffed: str, referenced_cids: frozenset[str]) -> str:
    special = {
        "signature": part.content_type in _SIGNATURES,
        "encrypted": bool(_ENCRYPTED & {part.content_type, sniffed}),
        "message": part.is_encoded_message,
        "inline image": _is_inline_image(part, referenced_cids, Inline.SKIP),
    }
    for reason, applies in special.items():
        if applies:
            return reason
    if _is_attached(part):
        return "attachment"
    if part.disposition == "inline" and not part.content_type.startswith("image/"):
        return "inline document"
    return "named part" if part.filename else "attachment"


def referenced_cids(html: bytes) -> frozenset[str]:
    """Return the Content-IDs that an HTML text shows by cid: URLs (RFC 2392), without angle brackets.

    Beyond the first 10,000 different ones no more are looked for.
    """
    written: set[bytes] = set()
    for found in _CID.finditer(html):
        written.add(found.group(1))
        if len(written) == _MOST_CIDS:
            break
    return frozenset(decode_text(_PERCENT.sub(_byte, name)) for name in written)


def _byte(escape: re.Match[bytes]) -> bytes:
    return bytes((int(escape.group(1), 16),))
