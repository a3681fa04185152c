"""What is to be done with each letter: which org gets it, or why none does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from postroom.core.limits import Limits
from postroom.core.routing import Target
from postroom.db.values import EMAIL, Key, Org
from postroom.pipeline.letter import Letter


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a letter reaches no org; `code` is for machines, `reason` for the quarantine list."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A letter and one org that gets it, or the refusal."""

    letter: Letter
    target: Target
    org: Org | None = None
    refusal: Refusal | None = None

    @property
    def key(self) -> Key | None:
        """Return the key that the letter wants for itself in that org."""
        return Key(self.org.id, EMAIL, self.letter.source_message_id) if self.org else None


def decisions(letter: Letter, orgs: Mapping[str, Org], limits: Limits) -> list[Decision]:
    """Return one decision per org that the letter is for, and at most one refusal.

    Two slugs of one org count once.
    """
    if not letter.fetched.whole or letter.fetched.message_bytes > limits.message_bytes:
        size = f"{letter.fetched.message_bytes} bytes are over limits.message ({limits.message_bytes})"
        return [Decision(letter, letter.targets[0], refusal=Refusal("too-large", size))]
    found = [_decision(letter, target, orgs) for target in letter.targets]
    accepted = {decision.org.id: decision for decision in reversed(found) if decision.org}
    refused = [decision for decision in found if decision.refusal]
    return [*accepted.values(), *_as_one(refused)]


def held_bare(decision: Decision, *, reason: str) -> Decision:
    """Return the decision to hold a letter without what it says of itself, for something of it is refused."""
    bare = replace(decision.letter, from_address=None, to_address=None, subject=None, sent_at=None)
    nobody = replace(decision.target, slug=None, recipient="")
    return Decision(bare, nobody, refusal=Refusal("unstorable", reason))


def slugs(letters: Iterable[Letter]) -> set[str]:
    """Return every slug that the letters name."""
    return {target.slug for letter in letters for target in letter.targets if target.slug}


def _decision(letter: Letter, target: Target, orgs: Mapping[str, Org]) -> Decision:
    refusal = _refusal(letter, target, orgs.get(target.slug or ""))
    if refusal:
        return Decision(letter, target, refusal=refusal)
    return Decision(letter, target, org=orgs[target.slug or ""])


def _refusal(letter: Letter, target: Target, org: Org | None) -> Refusal | None:
    if target.slug is None:
        return Refusal("unroutable", target.refusal)
    if org is None:
        return Refusal("unknown-org", f'no org "{target.slug}"')
    if org.suspended:
        return Refusal("suspended-org", f'the org "{org.slug}" is suspended')
    sender = (letter.from_address or "").lower()
    if org.allow_from and not any(_allows(pattern, sender) for pattern in org.allow_from):
        return Refusal("sender-refused", f'"{org.slug}" takes no mail from {sender or "an unnamed sender"}')
    return None


def _allows(pattern: str, sender: str) -> bool:
    """`*@beta.example` is that domain alone; `@scan.beta.example` is short for it."""
    folded = pattern.lower()
    return fnmatchcase(sender, f"*{folded}" if folded.startswith("@") else folded)


def _as_one(refused: list[Decision]) -> list[Decision]:
    """Hold a mail once, whatever number of recipients it could not be given to."""
    if len(refused) < 2:  # noqa: PLR2004  (one is already one)
        return refused
    reasons = "; ".join(decision.refusal.reason for decision in refused if decision.refusal)
    first = refused[0]
    code = first.refusal.code if first.refusal else "unroutable"
    return [Decision(first.letter, first.target, refusal=Refusal(code, reasons))]
