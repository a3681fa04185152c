"""What a peer is to the bench: what it needs, how it is set up, and how its work is judged."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.peers.corpus import Corpus
from bench.tree import Command


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox on Dovecot, without TLS, for one run of one peer."""

    port: int
    user: str
    password: str


Prepare = Callable[[Account, Path, Corpus], Command]
"""Make ready, in an empty folder, for a mailbox that holds the corpus; what it returns is measured."""

Judge = Callable[[Corpus, Path], None]
"""Raise NotCounted unless what was sent is in the folder."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One who fetches a mailbox.

    `needs` is a program's name, or a module's behind a colon; `comes_with` says how to get it.
    """

    name: str
    does: str
    needs: str
    comes_with: str
    prepare: Prepare
    judge: Judge
    clean: Callable[[Path], None] | None = None

    def lacks(self) -> str:
        """Return what is not there, or ""."""
        kind, _, module = self.needs.partition(":")
        there = importlib.util.find_spec(module) if module else not kind or shutil.which(kind)
        return "" if there else f"needs {module or kind} ({self.comes_with})"
