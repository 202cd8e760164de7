"""``hosts.yaml``, ``groups.yaml`` and ``defaults.yaml`` to devices.

nornir's own ``SimpleInventory`` reads the files and resolves inheritance; ours are the
``data.knockctl`` part, the references, and errors with file and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from knockctl.errors import ConfigurationError, InventoryError, UsageError, Where
from knockctl.inventory.device import Device
from knockctl.policy.secrets import is_reference
from knockctl.yamlfile import FieldPath, YamlFile, nearest, one, problems, read

if TYPE_CHECKING:
    from nornir.core.inventory import Host
    from nornir.core.inventory import Inventory as NornirInventory

HOSTS = "hosts.yaml"
GROUPS = "groups.yaml"
DEFAULTS = "defaults.yaml"
POLICIES = "policies"
_NORNIR_FIELDS = frozenset(
    ("hostname", "port", "username", "password", "platform", "groups", "data", "connection_options")
)


class KnockctlData(BaseModel):
    """What stands under ``data.knockctl`` of a host, a group or the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policies: tuple[str, ...] | None = None
    placement: dict[str, Any] | None = None


class Extras(BaseModel):
    """What stands under ``connection_options.knockctl.extras``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_file: Path | None = None
    known_hosts: Path | None = None
    sudo_password: str | None = None
    api_key: str | None = None
    verify_host_key: bool = True
    ca_file: Path | None = None
    verify_certificate: bool = True
    tls: bool = True


@dataclass(frozen=True, slots=True)
class Inventory:
    """The devices of a folder, in the order of the file."""

    folder: Path
    devices: Mapping[str, Device]

    @property
    def policies_folder(self) -> Path:
        """Where the policies lie."""
        return self.folder / POLICIES


def load(folder: Path) -> Inventory:
    """Read an inventory; every problem is told at once, with file and line."""
    if not folder.is_dir():
        raise InventoryError(
            f"there is no inventory folder {folder}",
            hint="name one with -i, or make one with knockctl init DIR",
        )
    files = {HOSTS: read(folder / HOSTS, InventoryError, "inventory file")}
    for name in (GROUPS, DEFAULTS):
        if (folder / name).exists():
            files[name] = read(folder / name, InventoryError, "inventory file")
    found = [*_check_files(files)]
    if found:
        raise one(found)
    nornir = _nornir(folder, files)
    devices: dict[str, Device] = {}
    for name, host in nornir.hosts.items():
        try:
            devices[name] = _device(host, folder, files)
        except ConfigurationError as error:
            found.append(error)
    if found:
        raise one(found)
    return Inventory(folder, devices)


# --- the files by themselves ------------------------------------------------------------------


def _check_files(files: Mapping[str, YamlFile]) -> Iterable[ConfigurationError]:
    groups = files[GROUPS].data if GROUPS in files else {}
    for name, file in files.items():
        entries = (
            [((), file.data)]
            if name == DEFAULTS
            else [((key,), value) for key, value in file.data.items()]
        )
        for path, entry in entries:
            yield from _check_entry(file, path, entry, groups)


def _check_entry(
    file: YamlFile, path: FieldPath, entry: Any, groups: Mapping[str, Any]
) -> Iterable[ConfigurationError]:
    if entry is None:
        return
    if not isinstance(entry, dict):
        yield InventoryError("should be a mapping of fields", where=file.where(path))
        return
    for key in entry:
        if key not in _NORNIR_FIELDS:
            message = f"unknown field{nearest(key, _NORNIR_FIELDS)}"
            yield InventoryError(message, where=file.where((*path, key)))
    for index, group in enumerate(entry.get("groups") or ()):
        if group not in groups:
            message = f"no such group {group!r}{nearest(str(group), groups)}"
            yield InventoryError(message, where=file.where((*path, "groups", index)))
    yield from _check_part(file, (*path, "data"), entry.get("data"), KnockctlData)
    options = (entry.get("connection_options") or {}).get("knockctl") or {}
    extras = (*path, "connection_options", "knockctl")
    yield from _check_part(file, extras, {"knockctl": options.get("extras")}, Extras, "extras")
    for field, value in (
        ("password", entry.get("password")),
        ("connection_options", (options.get("extras") or {}).get("sudo_password")),
        ("connection_options", (options.get("extras") or {}).get("api_key")),
    ):
        if value is not None and not (isinstance(value, str) and is_reference(value)):
            yield InventoryError(
                "a password or key does not stand in an inventory in plain text",
                hint="write a reference: env:NAME, file:PATH, keyring:SERVICE/USER or cmd:COMMAND",
                where=file.where((*path, field)),
            )
    if not isinstance(entry.get("port", 22), int):
        yield InventoryError("a port is a number", where=file.where((*path, "port")))


def _check_part(
    file: YamlFile, path: FieldPath, part: Any, model: type[BaseModel], last: str = "knockctl"
) -> Iterable[ConfigurationError]:
    from pydantic import ValidationError

    data = (part or {}).get("knockctl")
    if data is None:
        return
    try:
        model.model_validate(data)
    except ValidationError as error:
        yield from problems(error, model, file, InventoryError, (*path, last))


def _nornir(folder: Path, files: Mapping[str, YamlFile]) -> NornirInventory:
    from nornir.plugins.inventory.simple import SimpleInventory

    try:
        return SimpleInventory(
            host_file=str(folder / HOSTS),
            group_file=str(folder / (GROUPS if GROUPS in files else "no groups")),
            defaults_file=str(folder / (DEFAULTS if DEFAULTS in files else "no defaults")),
        ).load()
    except Exception as error:  # noqa: BLE001
        # nornir raises whatever its parsing meets: the files were checked, so this is rare.
        raise InventoryError(
            f"nornir can't read it: {type(error).__name__}: {error}", where=Where(file=str(folder))
        ) from None


# --- one device -------------------------------------------------------------------------------


def _device(host: Host, folder: Path, files: Mapping[str, YamlFile]) -> Device:
    file = files[HOSTS]
    where = file.where((host.name,))
    if not host.platform:
        raise InventoryError(
            "the device has no platform",
            hint="set platform: linux (or mikrotik_routeros, paloalto_panos, cisco_ios) on it,"
            " its group or the defaults",
            where=where,
        )
    data = _merged(host)
    extras = Extras.model_validate(host.get_connection_parameters("knockctl").extras or {})
    return Device(
        name=host.name,
        host=host.hostname or host.name,
        platform=host.platform,
        folder=folder,
        port=host.port,
        username=host.username,
        password=host.password,
        sudo_password=extras.sudo_password,
        api_key=extras.api_key,
        key_file=_path(extras.key_file, folder),
        known_hosts=_path(extras.known_hosts, folder),
        verify_host_key=extras.verify_host_key,
        ca_file=_path(extras.ca_file, folder),
        verify_certificate=extras.verify_certificate,
        tls=extras.tls,
        groups=tuple(group.name for group in host.groups),
        policies=data.policies or (),
        placement=data.placement or {},
        place=f"{where.file}:{where.line}",
    )


def _merged(host: Host) -> KnockctlData:
    """A host's policies replace its group's; placements merge, field by field."""
    layers = [host.defaults.data, *(g.data for g in reversed(_ancestry(host))), host.data]
    parts = [KnockctlData.model_validate(layer.get("knockctl") or {}) for layer in layers]
    policies = [part.policies for part in parts if part.policies is not None]
    placement: dict[str, Any] = {}
    for part in parts:
        placement.update(part.placement or {})
    return KnockctlData(policies=policies[-1] if policies else (), placement=placement)


def _ancestry(host: Any) -> list[Any]:
    """Return all groups, nearest first, as nornir inherits them."""
    found: list[Any] = []
    for group in host.groups:
        found.append(group)
        found.extend(_ancestry(group))
    return found


def _path(path: Path | None, folder: Path) -> Path | None:
    if path is None:
        return None
    expanded = path.expanduser()
    return expanded if expanded.is_absolute() else folder / expanded


# --- choosing -----------------------------------------------------------------------------------


def select(inventory: Inventory, names: Sequence[str], *, everything: bool) -> list[Device]:
    """Return the devices that names, groups or ``--all`` choose, in the inventory's order."""
    if everything:
        return list(inventory.devices.values())
    if not names:
        raise UsageError("no target", hint="name devices or groups, or pass --all")
    groups = {group for device in inventory.devices.values() for group in device.groups}
    chosen: set[str] = set()
    for name in names:
        members = {d.name for d in inventory.devices.values() if name in d.groups}
        if name in inventory.devices:
            chosen.add(name)
        elif members:
            chosen |= members
        else:
            raise InventoryError(
                f"no device or group {name!r} in {inventory.folder}"
                f"{nearest(name, [*inventory.devices, *groups])}"
            )
    return [device for device in inventory.devices.values() if device.name in chosen]


def check_policies(inventory: Inventory, known: Iterable[str]) -> None:
    """Raise where a device names a policy that there is no file for."""
    known = set(known)
    found = [
        InventoryError(
            f"{device.name}: no such policy {name!r}{nearest(name, known)}",
            where=Where(file=device.place),
        )
        for device in inventory.devices.values()
        for name in device.policies
        if name not in known
    ]
    if found:
        raise one(found)
