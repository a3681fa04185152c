"""The databases that every suite here runs on, and the rows to put into them."""

from __future__ import annotations

from tests.contract.db.databases import acme, database, orders

__all__ = ["acme", "database", "orders"]
