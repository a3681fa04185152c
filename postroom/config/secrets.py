"""Where a password comes from, and fetching it from there; its text is in no message."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from postroom.config.masked import Secret
from postroom.config.toml import spelled
from postroom.config.values import Kind, ValueFault, named
from postroom.errors import SecretFault

_MOST_BYTES = 64 * 1024
_COMMAND_SECONDS = 10
_WAYS = ("file", "env", "command", "credential")
_WAYS_HINT = (
    'a literal, { file = "..." }, { env = "..." }, { credential = "..." } or { command = ["...", "..."] }'
)


@dataclass(frozen=True, slots=True, repr=False)
class SecretSpec:
    """Where a secret is: `way` is literal, file, env, command or credential; `words` what goes with it."""

    way: str
    words: tuple[str, ...]
    many_lines: bool = False

    def __repr__(self) -> str:
        return f"SecretSpec({self.masked})"

    @property
    def masked(self) -> str:
        """Return what may be shown: the way to the secret, but no literal and no command's arguments."""
        if self.way == "literal":
            return '"********"'
        if self.way == "command":
            more = ', "..."' if len(self.words) > 1 else ""
            return f"{{ command = [{spelled(self.words[0])}{more}] }}"
        return f"{{ {self.way} = {spelled(self.words[0])} }}"


def secret(*, many_lines: bool = False) -> Kind[SecretSpec]:
    """Return the kind of a secret; in a variable it is always a literal."""
    return Kind(lambda raw: _parse(raw, many_lines=many_lines), secret=True)


def _parse(raw: object, *, many_lines: bool) -> SecretSpec:
    if isinstance(raw, str):
        return SecretSpec("literal", (_clean(raw, "the secret", many_lines=many_lines),), many_lines)
    if not isinstance(raw, dict):
        raise ValueFault(f"must be a secret, not {named(raw)}", _WAYS_HINT)
    if len(raw) != 1 or next(iter(raw)) not in _WAYS:
        raise ValueFault("must name one way to the secret", _WAYS_HINT)
    way, where = next(iter(raw.items()))
    words = where if way == "command" else [where]
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise ValueFault(
            f"{way} must be {'a list of words' if way == 'command' else 'text'}", _WAYS_HINT, way
        )
    if any("\0" in word for word in words):
        raise ValueFault(f"{way} must not hold a NUL", key=way)
    if way == "credential" and ("/" in where or where in {".", ".."}):
        raise ValueFault("a credential is a name, not a path", key=way)
    return SecretSpec(way, tuple(words), many_lines)


def _clean(text: str, what: str, *, many_lines: bool) -> str:
    if not text:
        raise ValueFault(f"{what} is empty")
    if "\0" in text:
        raise ValueFault(f"{what} holds a NUL")
    if not many_lines and re.search(r"[\r\n]", text):
        raise ValueFault(f"{what} has more than one line")
    return text


def resolve(spec: SecretSpec, folder: Path, environ: Mapping[str, str]) -> Secret:
    """Fetch the secret; a relative file lies in `folder`, line ends after it are cut.  Raises SecretFault."""
    try:
        text = _fetch(spec, folder, environ).rstrip("\r\n")
        return Secret(_clean(text, "the secret", many_lines=spec.many_lines))
    except ValueFault as fault:
        raise SecretFault(f"{spec.masked}: {fault.message}", fix=fault.hint) from fault


def _fetch(spec: SecretSpec, folder: Path, environ: Mapping[str, str]) -> str:
    if spec.way == "literal":
        return spec.words[0]
    if spec.way == "file":
        return _decoded(read_private(folder / spec.words[0]))
    if spec.way == "command":
        return _decoded(_answer(spec.words, folder))
    if spec.way == "credential":
        return _decoded(_read(_credentials(environ) / spec.words[0]))
    if spec.words[0] not in environ:
        raise ValueFault("that variable is not set")
    return environ[spec.words[0]]


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueFault("the secret is not UTF-8") from error


def read_private(path: Path) -> bytes:
    """Return what is in a file that others on this machine cannot read.  Raises ValueFault."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ValueFault(f"cannot be read: {error.strerror}") from error
    if mode & stat.S_IROTH:
        raise ValueFault("can be read by everybody on this machine", f"chmod o= {path}")
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ValueFault(f"cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise ValueFault("is too big to be a secret")
    return content


def _credentials(environ: Mapping[str, str]) -> Path:
    if "CREDENTIALS_DIRECTORY" not in environ:
        raise ValueFault(
            "systemd gave this process no credentials",
            "LoadCredential= or LoadCredentialEncrypted= in the unit names them",
        )
    return Path(environ["CREDENTIALS_DIRECTORY"])


def _answer(words: tuple[str, ...], folder: Path) -> bytes:
    """Run a command without a shell and return what it wrote; it and its children get 10 seconds."""
    import signal  # noqa: PLC0415  (with subprocess: only this way to a secret needs them, every start would pay)
    import subprocess  # noqa: PLC0415  (see above; the words come from the operator's own file)

    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    try:
        running = subprocess.Popen(  # noqa: S603  (no shell, and the operator wrote the words)
            words, cwd=folder, stdin=nothing, stdout=pipe, stderr=nothing, start_new_session=True
        )
    except OSError as error:
        raise ValueFault(f"cannot be run: {error.strerror}") from error
    with running:
        try:
            answer, _ = running.communicate(timeout=_COMMAND_SECONDS)
        except subprocess.TimeoutExpired as error:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            raise ValueFault(f"gave no answer in {_COMMAND_SECONDS} seconds") from error
    if running.returncode:
        raise ValueFault(f"ended with exit code {running.returncode}", "run it by hand as postroom's user")
    return answer
