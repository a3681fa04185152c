"""Where log events go and how they look: a terminal, the journal, or JSON lines."""

from __future__ import annotations

import json
import logging
import os
import sys
import unicodedata
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from postroom.app.log_lines import DirectLogger
from postroom.config.settings import Log
from postroom.notify.log import ANNOUNCED

# sd-daemon(3): a line's level for the journal.
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2, "exception": 3}
# Made once: `json.dumps` makes one for each line.
_encoded = json.JSONEncoder(ensure_ascii=False, default=str).encode
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}  # controls, directions, zero width, private, half a letter


class _Spelled(dict[int, int | str]):
    """What `str.translate` puts for each letter: one that cannot be seen is spelled out."""

    def __missing__(self, code: int) -> int | str:
        letter = chr(code)
        unseen = unicodedata.category(letter) in _UNSEEN
        self[code] = letter.encode("unicode_escape").decode("ascii") if unseen else code
        return self[code]


_EVERYWHERE = _Spelled({number: f"\\x{number:02x}" for number in range(32)})
_IN_TRACEBACKS = _Spelled({ord("\n"): "\n"})


def configure(log: Log, *, stream: TextIO, environ: Mapping[str, str]) -> None:
    """Send every event, ours and the libraries', to `stream` in the format that fits it; may be repeated."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        stamp,
        structlog.processors.format_exc_info,
        _harmless,
    ]
    handler, render = logging.StreamHandler(stream), _renderer(log, stream, environ)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=DirectLogger.of(handler, [stamp, _harmless, render]),
        cache_logger_on_first_use=False,
    )
    vars(handler)["handleError"] = _let_announcements_fail
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    _leave_out_what_no_line_has()
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)  # libraries: what a person must know
    logging.getLogger("postroom").setLevel(log.level.upper())


def _leave_out_what_no_line_has() -> None:
    """Let logging not look for thread, process and place in the code (its documentation: "Optimization")."""
    switches = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks", "_srcfile")
    vars(logging).update(dict.fromkeys(switches))


def _let_announcements_fail(record: logging.LogRecord) -> None:
    """Raise what befell an announcement, inside the `except` that met it; any other line is let go.

    A disk that is too full for the log is no reason to take no mail.
    """
    if record.name == ANNOUNCED:
        raise  # noqa: PLE0704  (called by logging inside of its `except`)


def _renderer(log: Log, stream: TextIO, environ: Mapping[str, str]) -> Processor:
    wanted = log.format if log.format != "auto" else _fitting(stream, environ)
    if wanted == "console":
        return structlog.dev.ConsoleRenderer(colors=stream.isatty() and "NO_COLOR" not in environ)
    return _journal if wanted == "journal" else _json


def _fitting(stream: TextIO, environ: Mapping[str, str]) -> str:
    if stream.isatty():
        return "console"
    return "journal" if _is_journal(stream, environ) else "json"


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether systemd connected `stream` to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _json(_logger: Any, _method: str, event: EventDict) -> str:
    """Return one JSON object, what a person looks for first in front."""
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return _encoded({**first, **event})


def _journal(_logger: Any, _method: str, event: EventDict) -> str:
    """Return `<6>event key=value ...`; the journal has a clock of its own."""
    level, words = event.pop("level", "info"), event.pop("event", "")
    event.pop("timestamp", None)
    pairs = (f"{key}={_encoded(value)}" for key, value in event.items())
    return " ".join((f"<{_PRIORITY.get(level, 6)}>{words}", *pairs))


def _harmless(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    """Spell out what cannot be seen: a Message-ID may hold it, and a terminal would obey it."""
    for key, value in event.items():
        event[key] = _spelled(value, _IN_TRACEBACKS if key == "exception" else _EVERYWHERE)
    return event


def _spelled(value: Any, table: _Spelled) -> Any:
    if isinstance(value, str):  # most are all seen, and to ask that costs a tenth
        return value if value.isprintable() else value.translate(table)
    return [_spelled(each, table) for each in value] if isinstance(value, list | tuple) else value


def to_stderr(log: Log) -> None:
    """Log to standard error, so that standard output stays the command's answer."""
    configure(log, stream=sys.stderr, environ=os.environ)
