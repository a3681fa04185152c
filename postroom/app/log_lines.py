"""The short way of an event into the log: rendered and written, without a record of `logging` in between."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, ClassVar, TextIO

import structlog
from structlog.typing import EventDict, Processor

from postroom.notify.log import ANNOUNCED

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


class DirectLogger(structlog.stdlib.BoundLogger):
    """Writes a line itself where `logging` would do nothing else with it; else lets `logging` do it."""

    handler: ClassVar[logging.StreamHandler[TextIO]]
    steps: ClassVar[Sequence[Processor]]

    @classmethod
    def of(cls, handler: logging.StreamHandler[TextIO], steps: Sequence[Processor]) -> type[DirectLogger]:
        """Return the class of loggers that write where `handler` does; the last step renders the line."""
        return type(cls.__name__, (cls,), {"handler": handler, "steps": tuple(steps)})

    def _proxy_to_logger(
        self, method_name: str, event: str | None = None, *event_args: str, **event_kw: Any
    ) -> Any:
        level = _LEVELS.get(method_name)
        if level is not None and not self._logger.isEnabledFor(level):
            return None
        roundabout = level is None or event_args or "exc_info" in event_kw or event is None
        if roundabout or logging.getLogger().handlers != [self.handler]:
            return super()._proxy_to_logger(method_name, event, *event_args, **event_kw)
        self._write({**self._context, **event_kw, "level": method_name, "event": event})
        return None

    def _write(self, event: EventDict) -> None:
        """Render and write a line; one that cannot be written is let go, but for an announcement."""
        try:
            line: Any = event
            for step in self.steps:
                line = step(self._logger, event["level"], line)
            self._put(f"{line}\n")
        except (OSError, ValueError, TypeError):
            if self._logger.name == ANNOUNCED:
                raise

    def _put(self, line: str) -> None:
        self.handler.acquire()
        try:
            self.handler.stream.write(line)
            self.handler.stream.flush()
        finally:
            self.handler.release()
