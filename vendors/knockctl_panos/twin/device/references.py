"""Who names whom: what a reference must lead to, and what still refers to an object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import markup

ADDRESSES = ("address", "address-group", "external-list", "region")
SERVICES = ("service", "service-group")
_BUILT_IN = {
    "service": {"any", "application-default", "service-http", "service-https"},
    "from": {"any", "multicast"},
    "to": {"any", "multicast"},
    "source": {"any"},
    "destination": {"any"},
}
_RULE: dict[str, tuple[str, ...]] = {
    "from": ("zone",),
    "to": ("zone",),
    "source": ADDRESSES,
    "destination": ADDRESSES,
    "service": SERVICES,
    "tag": ("tag",),
}
_OBJECT: dict[str, dict[str, tuple[str, ...]]] = {
    "address": {"tag": ("tag",)},
    "address-group": {"static": ADDRESSES, "tag": ("tag",)},
    "service": {"tag": ("tag",)},
    "service-group": {"members": SERVICES, "tag": ("tag",)},
}
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True)
class Reference:
    """One name in one place, and the kinds of object, in the order of search, it may mean."""

    holder: str
    """``rules -> k1``."""
    field: str
    name: str
    kinds: tuple[str, ...]
    node: Element

    def __str__(self) -> str:
        return f"{self.holder} -> {self.field}"

    @property
    def literal(self) -> bool:
        """It names no object: ``any``, an address, a country, a built-in service."""
        if self.name in _BUILT_IN.get(self.field, ()):
            return True
        if "address" not in self.kinds:
            return False
        return bool(_COUNTRY.fullmatch(self.name)) or _is_address(self.name)


def _is_address(text: str) -> bool:
    parts = text.split("-") if "-" in text else [text]
    try:
        for part in parts:
            if "/" in part:
                ip_network(part, strict=False)
            else:
                ip_address(part)
    except ValueError:
        return False
    return True


def scopes(root: Element) -> Iterator[tuple[str, Element]]:
    """Yield shared, each vsys and each device group, with its name."""
    shared = root.find("shared")
    if shared is not None:
        yield "shared", shared
    for path in ("devices/entry/vsys/entry", "devices/entry/device-group/entry"):
        for entry in root.findall(path):
            yield markup.name_of(entry), entry


def references(scope: Element) -> Iterator[Reference]:
    """Yield every reference inside a scope."""
    for kind, fields in _OBJECT.items():
        for entry in scope.findall(f"{kind}/entry"):
            yield from _members(f"{kind} -> {markup.name_of(entry)}", entry, fields)
    for base in ("rulebase", "pre-rulebase", "post-rulebase"):
        for rule in scope.findall(f"{base}/security/rules/entry"):
            holder = f"rules -> {markup.name_of(rule)}"
            yield from _members(holder, rule, _RULE)
            for tag, kind in (("log-setting", "log-settings/profiles"), ("group-tag", "tag")):
                node = rule.find(tag)
                if node is not None:
                    yield Reference(holder, tag, markup.text_of(node), (kind,), node)


def _members(
    holder: str, entry: Element, fields: dict[str, tuple[str, ...]]
) -> Iterator[Reference]:
    for name, kinds in fields.items():
        for member in entry.findall(f"{name}/member"):
            yield Reference(holder, name, markup.text_of(member), kinds, member)


def _defined(holders: list[Element], kind: str) -> set[str]:
    return {markup.name_of(e) for holder in holders for e in holder.findall(f"{kind}/entry")}


def dangling(root: Element, among: Element | None = None) -> list[Reference]:
    """Return the references that lead nowhere: all, or those of a part that is to be merged in.

    The part is a tree of its own from ``config`` down; what it refers to may be in either.
    """
    trees = [root] if among is None else [root, among]
    managed = root.find("devices/entry/device-group") is not None
    shared = [node for tree in trees for node in tree.findall("shared")]
    lost = []
    for label, scope in scopes(root if among is None else among):
        holders = shared + [
            other for tree in trees for name, other in scopes(tree) if name == label
        ]
        known: dict[str, set[str]] = {}
        for reference in references(scope):
            if reference.literal or (managed and "zone" in reference.kinds):
                continue
            for kind in reference.kinds:
                if kind not in known:
                    known[kind] = _defined(holders, kind)
            if not any(reference.name in known[kind] for kind in reference.kinds):
                lost.append(reference)
    return lost


def complaint(reference: Reference) -> str:
    """Say that a reference leads nowhere."""
    return f" {reference} '{reference.name}' is not a valid reference"


def renamed(root: Element, chain: tuple[Element, ...], old: str) -> list[Element]:
    """Have all references to a renamed object follow; return the nodes changed."""
    kind = _kind(chain)
    owner = _owner(root, chain)
    new, changed = markup.name_of(chain[-1]), []
    for _, scope in scopes(root):
        if scope is owner or owner.tag == "shared":
            for reference in references(scope):
                if kind in reference.kinds and reference.name == old and not reference.literal:
                    reference.node.text = new
                    changed.append(reference.node)
    return changed


def _owner(root: Element, chain: tuple[Element, ...]) -> Element:
    """Return the scope that an object belongs to."""
    return next((node for node in reversed(chain[:-1]) if node.tag in ("entry", "shared")), root)


def _kind(chain: tuple[Element, ...]) -> str:
    container = chain[-2].tag
    return "log-settings/profiles" if container == "profiles" else container


def users(root: Element, chains: list[tuple[Element, ...]]) -> dict[str, list[str]]:
    """Return what refers to objects, as the device lists it, by the names of those in use."""
    wanted = {(_kind(chain), markup.name_of(chain[-1])): _owner(root, chain) for chain in chains}
    names = {name for _, name in wanted}
    found: dict[str, list[str]] = {}
    for label, scope in scopes(root):
        if not any(node.text in names for node in scope.iter()):
            continue
        for reference in references(scope):
            for kind in reference.kinds:
                owner = wanted.get((kind, reference.name))
                visible = owner is not None and (owner is scope or owner.tag == "shared")
                if visible and not reference.literal:
                    found.setdefault(reference.name, []).append(f" {label} -> {reference}")
    return found
