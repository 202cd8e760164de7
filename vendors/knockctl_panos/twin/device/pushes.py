"""Panorama: pushing a device group's configuration to its firewalls, one result per device."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import answers, markup, references
from knockctl_panos.twin.device.accounts import Actor
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.appliance import Appliance
from knockctl_panos.twin.device.jobs import Outcome
from knockctl_panos.twin.device.operations import Asked, command
from knockctl_panos.twin.device.refusals import (
    INVALID_COMMAND,
    NO_OBJECT,
    UNKNOWN_COMMAND,
    Refusal,
)

_GROUP = "devices/entry/device-group/entry"
_OBJECTS = ("tag", "address", "address-group", "service", "service-group", "log-settings/profiles")
_RULES = ("pre-rulebase/security/rules", "post-rulebase/security/rules")


def group(device: Appliance, name: str) -> Element | None:
    """Return a device group's running configuration."""
    return device.trees.running.find(f"{_GROUP}[@name='{name}']")


def members(device: Appliance, name: str) -> list[str]:
    """Return the serials of a device group, as the running configuration has them."""
    entry = group(device, name)
    return [] if entry is None else [markup.name_of(e) for e in entry.findall("devices/entry")]


def status(device: Appliance, name: str, serial: str) -> str:
    """Tell whether a firewall has what Panorama runs for its group."""
    firewall = device.managed.get(serial)
    wanted = _package(device, device.trees.running, name)
    got = firewall.pushed if firewall is not None else None
    same = got is not None and wanted is not None and markup.write(got) == markup.write(wanted)
    return "In Sync" if same else "Out of Sync"


@command("show dg-hierarchy")
def hierarchy(asked: Asked) -> Answer:
    """Print the device groups, each in the one above it."""
    switches = asked.device.switches
    if not switches.panorama:
        raise Refusal(INVALID_COMMAND, "show -> dg-hierarchy is unexpected")
    names = [markup.name_of(e) for e in asked.device.trees.running.findall(_GROUP)]
    made = {name: markup.make("dg", name=name, dg_id=str(n)) for n, name in enumerate(names, 11)}
    root = markup.make("dg-hierarchy")
    for name, element in made.items():
        _, *above = switches.lineage(name)
        (made[above[0]] if above else root).append(element)
    return answers.result(root)


def request(device: Appliance, actor: Actor, command: Element) -> Answer:
    """Answer ``<commit-all>``: queue a push.

    Raises:
        Refusal: this is no Panorama, or no such group or device; ``admin`` needs 10.2.
    """
    if not device.switches.panorama:
        raise Refusal(UNKNOWN_COMMAND, "commit-all is invalid")
    policy = command.find("shared-policy")
    entry = policy.find("device-group/entry") if policy is not None else None
    if policy is None or entry is None:
        raise Refusal(INVALID_COMMAND, "commit-all is missing 'shared-policy'")
    if policy.find("admin") is not None and not device.switches.since(10, 2):
        raise Refusal(INVALID_COMMAND, " commit-all -> shared-policy -> admin unexpected here")
    name = markup.name_of(entry)
    if group(device, name) is None:
        raise Refusal(NO_OBJECT, f" device-group -> '{name}' is not a valid reference")
    known = members(device, name)
    chosen = [markup.name_of(e) for e in entry.findall("devices/entry")] or known
    for serial in chosen:
        if serial not in known:
            raise Refusal(INVALID_COMMAND, f" device-group -> devices -> {serial} is invalid")
    admins = markup.words(policy, "admin")
    job = device.jobs.add(
        "CommitAll",
        actor.name,
        device.switches.commit_time,
        lambda: None,
        lambda: _push(device, name, chosen, admins),
        markup.text_of(policy.find("description")),
    )
    return answers.enqueued("Commit job", job.number)


def _push(device: Appliance, name: str, serials: list[str], admins: list[str]) -> Outcome:
    results = [_one(device, name, serial, admins) for serial in serials]
    return Outcome(ok=all(e.findtext("result") == "OK" for e in results), devices=results)


def _wanted(device: Appliance, serial: str, admins: list[str]) -> Element:
    """Return the tree a firewall is to have: what runs, or what it has and some admins' changes."""
    if not admins:
        return device.trees.running
    tree, had = device.delivered.get(serial, (device.trees.versions[0].tree, frozenset()))
    tree = markup.clone(tree)
    for change in (c for version in device.trees.versions for c in version.changes):
        if change.number not in had and change.admin in admins:
            change.run(tree, device.trees.known)
    markup.name_rules(tree, device.trees.running)
    return tree


def _package(device: Appliance, tree: Element, name: str) -> Element | None:
    """Return what a group's firewalls get of a tree: its entry, with the shared part inside.

    What groups above it have is in it too, around its own.
    """
    entry, *above = (tree.find(f"{_GROUP}[@name='{one}']") for one in device.switches.lineage(name))
    if entry is None:
        return None
    package = markup.clone(entry)
    for child in package.findall("devices"):
        package.remove(child)
    for parent in above:
        if parent is not None:
            _inherit(package, parent)
    shared = tree.find("shared")
    if shared is not None:
        package.append(markup.clone(shared))
    return package


def _inherit(package: Element, parent: Element) -> None:
    """Add what a group above has: objects that have no name of ours, and rules outside of ours."""
    for path in (*_OBJECTS, *_RULES):
        theirs = [markup.clone(entry) for entry in parent.findall(f"{path}/entry")]
        mine = _made(package, path) if theirs else package
        for one in theirs:
            one.set("loc", markup.name_of(parent))
        if path == _RULES[0]:
            mine[:0] = theirs
        else:
            mine.extend(e for e in theirs if markup.entry(mine, markup.name_of(e)) is None)


def _made(package: Element, path: str) -> Element:
    """Return the container at a path, made where it is not there."""
    for tag in path.split("/"):
        found = package.find(tag)
        package = found if found is not None else markup.under(package, tag)
    return package


def _deliver(device: Appliance, firewall: Appliance, tree: Element, admins: list[str]) -> None:
    serial = firewall.switches.serial
    _, had = device.delivered.get(serial, (tree, frozenset()))
    changes = (c for version in device.trees.versions for c in version.changes)
    new = frozenset(c.number for c in changes if not admins or c.admin in admins)
    device.delivered[serial] = (tree, had | new)


def _one(device: Appliance, name: str, serial: str, admins: list[str]) -> Element:
    firewall = device.managed.get(serial)
    try:
        tree = _wanted(device, serial, admins)
        package = _package(device, tree, name)
        wrong = _obstacle(device, firewall, package, serial)
    except Refusal as refusal:
        package, wrong = None, list(refusal.lines)
    if firewall is not None and package is not None and not wrong:
        firewall.pushed = package
        _deliver(device, firewall, tree, admins)
        firewall.committed()
    entry = markup.make("entry", name=serial)
    words = {
        "serial-no": serial,
        "devicename": firewall.switches.hostname if firewall is not None else serial,
        "result": "FAIL" if wrong else "OK",
        "status": "commit failed" if wrong else "commit succeeded",
        "tstart": device.stamp[11:],
        "tfin": device.stamp[11:],
    }
    for tag, text in words.items():
        markup.under(entry, tag, text)
    message = markup.under(markup.under(entry, "details"), "msg")
    errors = markup.under(message, "errors")
    for line in wrong:
        markup.under(errors, "line", line)
    markup.under(message, "warnings")
    return entry


def _obstacle(
    device: Appliance, firewall: Appliance | None, package: Element | None, serial: str
) -> list[str]:
    if firewall is None or not firewall.powered:
        return ["Device is not connected"]
    if serial in device.faults.push_fails:
        return ["Commit failed"]
    if firewall.locks.config or firewall.locks.commit:
        return ["Configuration is locked on the device"]
    if package is None:
        return ["No such device group"]
    tree = markup.clone(firewall.trees.running)
    shared = package.find("shared")
    tree.append(markup.make("shared", list(shared) if shared is not None else []))
    part = markup.make("config", [markup.make("shared", list(package))])
    zones = {markup.name_of(zone) for zone in tree.findall("devices/entry/vsys/entry/zone/entry")}
    return [
        references.complaint(one)
        for one in references.dangling(tree, part)
        if "zone" not in one.kinds or one.name not in zones
    ]
