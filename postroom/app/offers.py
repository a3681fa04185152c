"""Lines of configuration that fit what was learned of a mailbox."""

from __future__ import annotations

from postroom.config.settings import Action, Mailbox
from postroom.fetcher.learning import Learned

Offer = dict[str, object]


def offers(mailbox: Mailbox, learned: Learned) -> Offer:
    """Return the keys of this mailbox that would fit its server better, with the value for each.

    Empty where all fits.  A header below the first Received is offered with the `trusted_hops` that reaches
    it: whether that Received is one of your own servers, no program can tell.
    """
    return _recipient(mailbox, learned) | _after(mailbox, learned)


def _recipient(mailbox: Mailbox, learned: Learned) -> Offer:
    recipients, best = mailbox.recipients, next(iter(learned.headers), None)
    if recipients.org is not None or best is None:
        return {}
    trusted = {name.lower() for name in recipients.trust}
    decides = next((each for each in learned.headers if each.name.lower() in trusted), None)
    serves = decides is not None and decides.fitting == best.fitting and decides.mails == best.mails
    if serves and decides is not None and decides.hops <= recipients.trusted_hops:
        return {}
    hops: Offer = {"trusted_hops": best.hops} if best.hops > recipients.trusted_hops else {}
    return {"trust": [best.name], **hops}


def _after(mailbox: Mailbox, learned: Learned) -> Offer:
    """Return `seen` where mails were to leave the folder and the server lets none leave by itself."""
    action = mailbox.after.action
    removes = action is Action.DELETE or (action is Action.MOVE and not learned.can("MOVE"))
    return {"after": str(Action.SEEN)} if removes and not learned.can("UIDPLUS") else {}
