"""Secret references: ``env:NAME``, ``file:PATH``, ``keyring:SERVICE/USER``, ``cmd:COMMAND``.

More kinds come by the entry point group ``knockctl.secrets``: each names a function from the
text after the colon to the secret. ``file:`` and ``cmd:`` resolve only where the operator's
own configuration allows them, since policies and inventories are cloned from repositories.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from knockctl.errors import SecretError, Where
from knockctl.policy.redaction import register

ENTRY_POINTS = "knockctl.secrets"
COMMAND_SECONDS = 30
_REFERENCE = re.compile(r"(?P<kind>[a-z][a-z0-9+-]*):(?P<rest>.+)", re.DOTALL)
KINDS = ("env", "file", "keyring", "cmd")


def is_reference(text: str) -> bool:
    """Tell whether a text names a secret rather than being one."""
    match = _REFERENCE.fullmatch(text)
    return match is not None and (match["kind"] in KINDS or match["kind"] in _plugins())


def kinds() -> tuple[str, ...]:
    """Return every kind of reference known here, the plugins' included."""
    return (*KINDS, *sorted(_plugins()))


def kind_of(reference: str) -> str:
    """Return what stands before the colon; empty for a text that is no reference."""
    match = _REFERENCE.fullmatch(reference)
    return match["kind"] if match else ""


@cache
def _plugins() -> dict[str, EntryPoint]:
    # Only the names: a plugin that can't be imported must not break the other kinds.
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


@dataclass(frozen=True, slots=True)
class SecretResolver:
    """Resolves references as far as the operator's own configuration allows."""

    allow_files: tuple[Path, ...] = ()
    """Folders that ``file:`` may read below."""
    allow_commands: tuple[str, ...] = ()
    """Programs that ``cmd:`` may run, as written in the reference."""

    def resolve(self, reference: str, base: Path | None = None, where: Where | None = None) -> str:
        """Return the secret, registered for redaction; ``base`` is what relative paths mean."""
        match = _REFERENCE.fullmatch(reference)
        if not match:
            raise SecretError(
                "not a secret reference", hint=f"write one of {_kinds()}", where=where
            )
        kind, rest = match["kind"], match["rest"]
        try:
            value = self._read(kind, rest, base)
        except SecretError as error:
            error.where = where or error.where
            raise
        if not value.strip():
            raise SecretError(f"{kind}: the secret is empty", where=where)
        register(value)
        return value

    def _read(self, kind: str, rest: str, base: Path | None) -> str:
        if kind == "env":
            return _from_environment(rest)
        if kind == "file":
            return self._from_file(rest, base)
        if kind == "keyring":
            return _from_keyring(rest)
        if kind == "cmd":
            return self._from_command(rest)
        point = _plugins().get(kind)
        if point is None:
            raise SecretError(f"unknown kind of secret {kind!r}", hint=f"write one of {_kinds()}")
        try:
            plugin: Callable[[str], str] = point.load()
            return str(plugin(rest))
        except Exception as error:  # noqa: BLE001
            # A plugin's message may quote the secret: its kind of error is all that is told.
            msg = f"{kind}: the plugin failed with {type(error).__name__}"
            raise SecretError(msg) from None

    def _from_file(self, text: str, base: Path | None) -> str:
        try:
            path = Path(text).expanduser()
            path = (path if path.is_absolute() else (base or Path.cwd()) / path).resolve()
        except (RuntimeError, ValueError, OSError):
            # No such home, a loop of links, a zero byte.
            raise SecretError(f"file: {text!r} is no usable path") from None
        if not any(
            path.is_relative_to(folder.expanduser().resolve()) for folder in self.allow_files
        ):
            raise SecretError(
                f"file: reading {path} is not allowed",
                hint=f'add allow_files = ["{path.parent}"] under [secrets] in your own'
                " configuration file (`knockctl inventory` names it)",
            )
        try:
            return _private_text(path).strip("\r\n")
        except OSError as error:
            raise SecretError(f"file: {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SecretError(f"file: {path} is not a text in UTF-8") from None

    def _from_command(self, text: str) -> str:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise SecretError(f"cmd: {error}") from None
        if not words or words[0] not in self.allow_commands:
            program = words[0] if words else ""
            raise SecretError(
                f"cmd: running {program!r} is not allowed",
                hint=f'add allow_commands = ["{program}"] under [secrets] in your own'
                " configuration file (`knockctl inventory` names it)",
            )
        try:
            done = subprocess.run(  # noqa: S603 - allowed by the operator, and no shell
                words,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            # ValueError: a zero byte in the command, or output that is not UTF-8.
            raise SecretError(f"cmd: {words[0]}: {type(error).__name__}") from None
        if done.returncode:
            raise SecretError(f"cmd: {words[0]} ended with exit code {done.returncode}")
        return done.stdout.strip("\r\n")


def _kinds() -> str:
    return ", ".join(f"{kind}:" for kind in kinds())


def _private_text(path: Path) -> str:
    """Read a regular file; looks at what was opened, not at what the name meant before."""
    # Non-blocking: opening a pipe nobody writes to would wait for ever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise SecretError(f"file: {path} is not a regular file")
        if mode & 0o077:
            raise SecretError(f"file: {path} can be read by others", hint=f"run chmod 600 {path}")
        return file.read()


def _from_environment(name: str) -> str:
    if name not in os.environ:
        raise SecretError(f"env: the variable {name} is not set", hint=f"export {name} first")
    value = os.environ[name]
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SecretError(f"env: the variable {name} is not a text in UTF-8") from None
    return value


def _from_keyring(text: str) -> str:
    import keyring

    service, _, user = text.partition("/")
    if not (service and user):
        raise SecretError("keyring: write keyring:SERVICE/USER")
    try:
        value = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001
        # Back ends raise what they like, D-Bus' own errors among it.
        raise SecretError(f"keyring: not usable here: {type(error).__name__}") from None
    if value is None:
        raise SecretError(
            f"keyring: nothing stored for {service}/{user}",
            hint=f"run keyring set {service} {user}",
        )
    return value
