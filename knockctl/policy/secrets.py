"""Secret references: ``env:NAME``, ``file:PATH``, ``keyring:SERVICE/USER``, ``cmd:COMMAND``.

More kinds come by the entry point group ``knockctl.secrets``: each names a function from the
text after the colon to the secret. ``file:`` and ``cmd:`` resolve only where the operator's
own configuration allows them, since policies and inventories are cloned from repositories.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
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


@cache
def _plugins() -> dict[str, Callable[[str], str]]:
    return {point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}


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
        plugin = _plugins().get(kind)
        if plugin is None:
            raise SecretError(f"unknown kind of secret {kind!r}", hint=f"write one of {_kinds()}")
        try:
            return plugin(rest)
        except Exception as error:  # noqa: BLE001
            # A plugin's message may quote the secret: its kind of error is all that is told.
            msg = f"{kind}: the plugin failed with {type(error).__name__}"
            raise SecretError(msg) from None

    def _from_file(self, text: str, base: Path | None) -> str:
        path = Path(text).expanduser()
        path = (path if path.is_absolute() else (base or Path.cwd()) / path).resolve()
        if not any(
            path.is_relative_to(folder.expanduser().resolve()) for folder in self.allow_files
        ):
            raise SecretError(
                f"file: reading {path} is not allowed",
                hint=f'add allow_files = ["{path.parent}"] under [secrets] in your own'
                " configuration file (`knockctl inventory` names it)",
            )
        try:
            mode = path.stat().st_mode
            if mode & 0o077:
                raise SecretError(
                    f"file: {path} can be read by others", hint=f"run chmod 600 {path}"
                )
            return path.read_text(encoding="utf-8").strip("\r\n")
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
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SecretError(f"cmd: {words[0]}: {type(error).__name__}") from None
        if done.returncode:
            raise SecretError(f"cmd: {words[0]} ended with exit code {done.returncode}")
        return done.stdout.strip("\r\n")


def _kinds() -> str:
    return ", ".join(f"{kind}:" for kind in (*KINDS, *sorted(_plugins())))


def _from_environment(name: str) -> str:
    if name not in os.environ:
        raise SecretError(f"env: the variable {name} is not set", hint=f"export {name} first")
    return os.environ[name]


def _from_keyring(text: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    service, _, user = text.partition("/")
    if not (service and user):
        raise SecretError("keyring: write keyring:SERVICE/USER")
    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise SecretError(f"keyring: not usable here: {type(error).__name__}") from None
    if value is None:
        raise SecretError(
            f"keyring: nothing stored for {service}/{user}",
            hint=f"run keyring set {service} {user}",
        )
    return value
