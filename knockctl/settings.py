"""Settings: flag, then ``KNOCKCTL_*``, the inventory's ``knockctl.toml``, the user's, default.

What weakens a safeguard has no environment form, and an inventory, which may be anybody's
clone, can't allow itself to read files or run programs: ``[secrets]`` and ``seal_key`` count
in the user's own file alone.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from knockctl.contract import Timeouts
from knockctl.errors import SettingsError, Where
from knockctl.policy.secrets import SecretResolver
from knockctl.yamlfile import nearest

PREFIX = "KNOCKCTL_"
FILE = "knockctl.toml"


class SecretSettings(BaseModel):
    """What secret references may read and run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_files: tuple[Path, ...] = ()
    allow_commands: tuple[str, ...] = ()


class TimeoutSettings(BaseModel):
    """Seconds; see ``knockctl.contract.Timeouts``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect: int = Field(default=10, ge=1, le=300)
    command: int = Field(default=20, ge=1, le=600)
    probe: int = Field(default=10, ge=1, le=300)
    revert: int = Field(default=120, ge=5, le=86400)
    job: int = Field(default=600, ge=1, le=7200)


class Settings(BaseModel):
    """Everything that can be set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inventory: Path = Path()
    journal: str | None = None
    output: Literal["text", "json"] = "text"
    workers: int = Field(default=32, ge=1, le=1000)
    timeouts: TimeoutSettings = TimeoutSettings()
    secrets: SecretSettings = SecretSettings()
    seal_key: str | None = Field(default=None, repr=False)
    only_in: str | None = None
    """The only network namespace this inventory may be used from; the lab's guard."""

    def resolver(self) -> SecretResolver:
        """Return the resolver that does what these settings allow."""
        return SecretResolver(self.secrets.allow_files, self.secrets.allow_commands)

    def limits(self) -> Timeouts:
        """Return the time limits for devices."""
        return Timeouts(**self.timeouts.model_dump())


_USER_ONLY = frozenset(("secrets", "seal_key"))
_ENVIRONMENT = ("inventory", "journal", "output", "workers")
_INVENTORY_ONLY = frozenset(("only_in",))


def user_file() -> Path:
    """Return where the user's own settings stand: KNOCKCTL_CONFIG, or the config folder."""
    import platformdirs

    named = os.environ.get(f"{PREFIX}CONFIG")
    return Path(named) if named else Path(platformdirs.user_config_dir("knockctl")) / FILE


def state_folder() -> Path:
    """Return where the journal and the sealing key lie by default."""
    import platformdirs

    return Path(platformdirs.user_state_dir("knockctl"))


def load(flags: Mapping[str, Any]) -> Settings:
    """Merge all sources; ``flags`` that are None were not given."""
    given = {name: value for name, value in flags.items() if value is not None}
    users = _file(user_file(), _INVENTORY_ONLY, "an inventory's knockctl.toml")
    environment = _environment()
    folder = Path(
        given.get("inventory") or environment.get("inventory") or users.get("inventory") or "."
    )
    inventorys = _file(folder / FILE, _USER_ONLY, "your own configuration file")
    inventorys.pop("inventory", None)
    merged: dict[str, Any] = {}
    for source in (users, inventorys, environment, given):
        for name, value in source.items():
            both = isinstance(value, dict) and isinstance(merged.get(name), dict)
            merged[name] = {**merged[name], **value} if both else value
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise _wrong(error, "the settings") from None


def _environment() -> dict[str, Any]:
    names = {f"{PREFIX}{name.upper()}": name for name in _ENVIRONMENT}
    return {
        name: os.environ[variable] for variable, name in names.items() if variable in os.environ
    }


def _file(path: Path, forbidden: frozenset[str], place: str) -> dict[str, Any]:
    where = Where(file=str(path))
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"can't be read: {error}", where=where) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not valid TOML: {error}", where=where) from None
    for name in forbidden & set(data):
        raise SettingsError(f"{name} does not count here", hint=f"set it in {place}", where=where)
    try:
        Settings.model_validate(data)
    except ValidationError as error:
        raise _wrong(error, str(path)) from None
    return data


def _wrong(error: ValidationError, place: str) -> SettingsError:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        parts = {"secrets": SecretSettings.model_fields, "timeouts": TimeoutSettings.model_fields}
        known = parts.get(str(first["loc"][0]), Settings.model_fields)
        message = f"unknown setting{nearest(str(first['loc'][-1]), known)}"
    else:
        message = first["msg"].removeprefix("Input ")
    return SettingsError(message, where=Where(file=place, field=name))
