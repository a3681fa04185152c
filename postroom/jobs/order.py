"""An order to take a message apart, which this process or another carries out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from postroom.core.rules import Standard
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim


@dataclass(frozen=True, slots=True)
class Order:
    """A claimed message to be taken apart, and what its parts are judged by.

    Where no other attempt `follows` a failed one, as much as can be is made of this one.
    """

    claim: Claim
    standard: Standard
    follows: bool


Here = Callable[[Order], Extracted]
"""Carries out an order in this process; it raises what `extract` does."""
