"""What a person probably meant, and what this release does not have yet."""

from __future__ import annotations

from collections.abc import Iterable

_NOT_YET = {
    "webhook", "retention", "web",
}  # fmt: skip


def not_yet(word: str) -> str:
    """Return a hint for a word that the documents name and this release does not know yet, else ""."""
    return "not in this release" if word in _NOT_YET else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the one of `known` that `word` was most likely meant to be, or "" where none is near."""
    import difflib  # noqa: PLC0415  (only a fault needs it, and every start would pay for it)

    return next(iter(difflib.get_close_matches(word[:80], list(known), n=1, cutoff=0.6)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "host"?` for the nearest of `known`, or "" where none is near."""
    near = nearest(word.lower(), known)
    return f'did you mean "{near}"?' if near else ""
