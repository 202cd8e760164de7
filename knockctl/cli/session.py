"""What the commands share: settings, inventory, policies, journal, and jobs made of them."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knockctl.errors import InventoryError, UsageError
from knockctl.inventory.device import Device
from knockctl.inventory.load import Inventory, check_policies, load, select
from knockctl.policy.loader import LoadedPolicy, check_together, load_all, resolve_all
from knockctl.policy.redaction import RedactingFilter
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.policy.seal import Sealer, load_or_create_key, parse_key
from knockctl.settings import Settings, state_folder
from knockctl.settings import load as load_settings

if TYPE_CHECKING:
    from knockctl.change.services import Services
    from knockctl.cli.flags import Flags
    from knockctl.journal.journal import Journal

_CODE = re.compile(r"[a-z][a-z0-9-]*(?::[0-9a-f]{8})?")


@dataclass
class Session:
    """One command's view of the world, each part made when first used."""

    flags: Flags

    def __post_init__(self) -> None:
        """Whatever libraries log goes to the error stream, secrets masked."""
        handler = logging.StreamHandler()
        handler.addFilter(RedactingFilter())
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logging.basicConfig(level=logging.WARNING, handlers=[handler])

    _resolved: dict[str, ResolvedPolicy] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """The merged settings."""
        return load_settings(
            {
                "inventory": self.flags.inventory,
                "journal": self.flags.journal,
                "output": self.flags.output,
            }
        )

    @property
    def json(self) -> bool:
        """Tell whether a program reads the output."""
        return self.settings.output == "json"

    @cached_property
    def inventory(self) -> Inventory:
        """The devices, every policy they name being there."""
        inventory = load(self.settings.inventory)
        check_policies(inventory, self.policies)
        return inventory

    @cached_property
    def policies(self) -> dict[str, LoadedPolicy]:
        """The inventory's policies by name, as written."""
        return load_all(self.settings.inventory / "policies")

    def select(self, names: Sequence[str], *, everything: bool) -> list[Device]:
        """Return the chosen devices, their placements checked."""
        chosen = select(self.inventory, names, everything=everything)
        for device in chosen:
            self.check_placement(device)
        return chosen

    def policies_of(self, device: Device) -> tuple[ResolvedPolicy, ...]:
        """Return a device's policies, resolved and checked to go together."""
        missing = [name for name in device.policies if name not in self._resolved]
        self._resolved.update(resolve_all(self.policies, missing, self.settings.resolver()))
        policies = tuple(self._resolved[name] for name in device.policies)
        check_together(policies, device.name)
        return policies

    def check_placement(self, device: Device) -> None:
        """Raise where a device's placement is wrong; a vendor that is not there is told later."""
        from knockctl.change.plan import place
        from knockctl.contract import served, vendor_for

        if served(device.platform):
            place(vendor_for(device.platform), device, self.policies)

    def policy(self, name: str) -> ResolvedPolicy:
        """Return one policy by name, resolved."""
        from knockctl.yamlfile import nearest

        if name not in self.policies:
            raise InventoryError(f"no such policy {name!r}{nearest(name, self.policies)}")
        resolved = resolve_all(self.policies, [name], self.settings.resolver())
        return resolved[name]

    def reach_devices(self) -> None:
        """Refuse to touch devices from where this inventory may not be used."""
        if self.settings.only_in:
            from knockctl.lab.lab import require_namespace

            require_namespace(self.settings.only_in)

    @contextlib.contextmanager
    def journal(self) -> Iterator[Journal]:
        """Open the journal."""
        from knockctl.journal.journal import Journal

        folder = state_folder()
        url = self.settings.journal or f"sqlite:///{folder / 'journal.db'}"
        reference = self.settings.seal_key
        if reference:
            key = parse_key(self.settings.resolver().resolve(reference, Path.cwd()))
        else:
            key = load_or_create_key(folder / "seal.key")
        with Journal(url, Sealer(key)) as journal:
            yield journal

    @contextlib.contextmanager
    def services(self, observer: Any = None) -> Iterator[Services]:
        """Return what transactions need from outside."""
        from knockctl.change.services import Services
        from knockctl.change.steps import nobody

        self.reach_devices()
        resolver = self.settings.resolver()
        with self.journal() as journal:
            yield Services(
                journal,
                resolver.resolve,
                observer or nobody,
            )


def writes(names: Sequence[str], *, everything: bool) -> None:
    """Refuse a command that writes and names neither targets nor ``--all``."""
    if bool(names) == everything:
        raise UsageError(
            "both targets and --all" if everything else "no target",
            hint="name devices or groups, or pass --all alone",
        )


def codes(said: Iterable[str]) -> frozenset[str]:
    """Return the codes of several options, each of one or more with commas between them."""
    codes = frozenset(code.strip() for one in said for code in one.split(","))
    for code in sorted(codes):
        if not _CODE.fullmatch(code):
            raise UsageError(
                f"--accept: {code!r} is no code of a note or a finding",
                hint="name them as deploy does: --accept stateless,exposed:1a2b3c4d",
            )
    return codes
