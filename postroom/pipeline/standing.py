"""Standing rules in routing: a trusted recipient that names no org, given to one by a person for good."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from postroom.core.routing import Rule, Target, folded
from postroom.db.values import Org, Standing
from postroom.pipeline.letter import Letter

Rules = Callable[[Collection[str]], Mapping[str, Standing]]
"""What the rules of one source say of recipients in lower case."""


def no_rules(recipients: Collection[str]) -> Mapping[str, Standing]:
    """Return no rule for anybody."""
    del recipients
    return {}


def ruled(
    letters: Sequence[Letter], orgs: Mapping[str, Org], rule: Rule, rules: Rules
) -> tuple[list[Letter], dict[str, Org]]:
    """Return the letters with what the rules say in place, and the orgs with those that the rules name.

    A rule speaks only where the recipient stands in a header that the source trusts and names no org by
    itself: who sent a mail, and what else it says, counts for nothing.  The org's own terms still hold.
    """
    open_ = {_key(target) for letter in letters for target in letter.targets if _is_open(target, orgs, rule)}
    standing = rules(open_) if open_ else {}
    if not standing:
        return list(letters), dict(orgs)

    def resolved(target: Target) -> Target:
        found = standing.get(_key(target)) if _is_open(target, orgs, rule) else None
        return _by_rule(target, found) if found else target

    named = {each.org.slug: each.org for each in standing.values()}
    return [replace(letter, targets=tuple(map(resolved, letter.targets))) for letter in letters], {
        **named,
        **orgs,
    }


def _is_open(target: Target, orgs: Mapping[str, Org], rule: Rule) -> bool:
    is_trusted = target.header.lower() in {name.lower() for name in rule.trust}
    return is_trusted and bool(target.recipient) and (target.slug is None or target.slug not in orgs)


def _by_rule(target: Target, found: Standing) -> Target:
    return replace(target, slug=found.org.slug, header=f"{target.header} (rule {found.rule_id})", refusal="")


def _key(target: Target) -> str:
    return folded(target.recipient)
