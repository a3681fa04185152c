"""The kind of a day."""

from __future__ import annotations

from datetime import date, datetime

from postroom.config.toml import written
from postroom.config.values import Kind, ValueFault, plain


def day() -> Kind[date]:
    """Return the kind of a day, as TOML writes one or as text."""

    def parse(raw: object) -> date:
        if isinstance(raw, date) and not isinstance(raw, datetime):
            return raw
        try:
            return date.fromisoformat(plain(raw, "a day such as 2027-01-31"))
        except ValueFault:
            raise
        except ValueError as error:
            raise ValueFault(f"{written(raw)} is no day", "write it like 2027-01-31") from error

    return Kind(parse)
