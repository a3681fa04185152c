"""The databases that every suite here runs on, and the rows to put into them."""

from __future__ import annotations

from tests.contract.db.databases import acme, database, database_url, empty_url, orders, twin_url
from tests.contract.db.fencing_rooms import fresh_two, held, two

__all__ = ["acme", "database", "database_url", "empty_url", "fresh_two", "held", "orders", "twin_url", "two"]
