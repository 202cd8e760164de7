"""Operational commands about the device's state: system, availability, sessions, tags, Panorama."""

from __future__ import annotations

import time
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import answers, markup, pushes, userid
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.appliance import Appliance
from knockctl_panos.twin.device.groups import members
from knockctl_panos.twin.device.match import Flow, Matcher
from knockctl_panos.twin.device.operations import Asked, command
from knockctl_panos.twin.device.refusals import (
    IMPOSSIBLE,
    INVALID_COMMAND,
    NO_OBJECT,
    Refusal,
)
from knockctl_panos.twin.device.sessions import Hits, chosen


def _filled(tag: str, words: dict[str, str], **attributes: str) -> Element:
    made = markup.make(tag, **attributes)
    for name, text in words.items():
        markup.under(made, name, text)
    return made


def uptime(device: Appliance) -> str:
    """Return the time since the last boot as the device prints it."""
    minutes, seconds = divmod(int(device.clock.now() - device.booted), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} days, {hours}:{minutes:02}:{seconds:02}"


def _facts(device: Appliance) -> dict[str, str]:
    switches = device.switches
    several = len(switches.vsys) > 1
    return {
        "hostname": switches.hostname,
        "ip-address": switches.address,
        "devicename": switches.hostname,
        "model": switches.printed_model,
        "serial": switches.serial,
        "sw-version": switches.version,
        "app-version": "8799-8509",
        "multi-vsys": "on" if several else "off",
        "system-mode": "panorama" if switches.panorama else "normal",
        "time": device.stamp,
        "uptime": uptime(device),
    }


@command("show system info")
def system_info(asked: Asked) -> Answer:
    """Print what the device is."""
    return answers.result(_filled("system", _facts(asked.device)))


@command("show clock")
def clock(asked: Asked) -> Answer:
    """Print the time."""
    moment = time.gmtime(asked.device.clock.now())
    return answers.text(time.strftime("%a %b %d %H:%M:%S UTC %Y", moment))


@command("show high-availability state")
def ha_state(asked: Asked) -> Answer:
    """Print this device's and its peer's state, and whether both run the same."""
    device = asked.device
    if device.ha.state is None:
        return answers.result(markup.make("enabled", "no"))
    peer = device.ha.peer
    far = peer.ha.state if peer is not None and peer.powered else None
    nodes = [
        _filled("local-info", {"state": device.ha.state, "mode": "Active-Passive"}),
        _filled("peer-info", {"state": far or "unknown", "conn-status": "up" if far else "down"}),
        markup.make("running-sync", device.ha.sync),
        markup.make("running-sync-enabled", "yes"),
    ]
    content = nodes if device.switches.panorama else [markup.make("group", nodes)]
    return answers.result(markup.make("enabled", "yes"), *content)


@command("request high-availability sync-to-remote running-config")
def ha_sync(asked: Asked) -> Answer:
    """Give the peer this configuration."""
    if asked.device.ha.state is None:
        raise Refusal(IMPOSSIBLE, "High-availability is not enabled")
    asked.device.synchronize()
    words = "HA synchronization job has been queued on peer. Please check job status on peer."
    return answers.said(words, line=True)


@command("request high-availability state suspend")
def ha_suspend(asked: Asked) -> Answer:
    """Let the peer take over."""
    asked.device.fail_over()
    return answers.text("Successfully changed HA state to suspended")


@command("show session all")
def sessions_all(asked: Asked) -> Answer:
    """List sessions, all or some."""
    rows = chosen(asked.device.sessions.listed(), asked.node.find("filter"))
    return answers.result(*(row.printed() for row in rows))


@command("clear session all")
def sessions_clear(asked: Asked) -> Answer:
    """End sessions, all or some."""
    rows = chosen(asked.device.sessions.listed(), asked.node.find("filter"))
    asked.device.sessions.clear({row.number for row in rows})
    return answers.result(markup.make("member", "sessions cleared"))


@command("clear session id")
def session_clear(asked: Asked) -> Answer:
    """End one session."""
    number = markup.text_of(asked.node)
    if number not in {str(row.number) for row in asked.device.sessions.listed()}:
        raise Refusal(NO_OBJECT, f"session {number} does not exist")
    asked.device.sessions.clear({int(number)})
    return answers.result(markup.make("member", f"session {number} cleared"))


@command("show object registered-ip")
def registered_ip(asked: Asked) -> Answer:
    """List registered addresses."""
    return userid.registered(asked.device, asked.vsys or "vsys1", asked.node)


@command("show object dynamic-address-group")
def dynamic_groups(asked: Asked) -> Answer:
    """List what dynamic groups hold, as the running configuration makes them."""
    vsys, wanted = asked.vsys or "vsys1", asked.node.findtext("name")
    scope = asked.device.vsys(vsys)
    entries = []
    for group in scope.findall("address-group/entry") if scope is not None else ():
        if group.find("dynamic") is None or wanted not in (None, "", markup.name_of(group)):
            continue
        entry = _filled("entry", {"group-name": markup.name_of(group)})
        entry.append(markup.make("filter", group.findtext("dynamic/filter", "")))
        rows = [
            markup.make("entry", name=ip, type="registered-ip")
            for ip in members(asked.device.tags, vsys, group.findtext("dynamic/filter", ""))
        ]
        entry.append(markup.make("member-list", rows))
        entries.append(entry)
    return answers.result(markup.make("dyn-addr-grp", entries))


@command("test security-policy-match")
def policy_match(asked: Asked) -> Answer:
    """Tell which rules a flow would meet: the first, or all."""
    node = asked.node
    words = ("source", "destination", "protocol", "destination-port", "from", "to", "application")
    flow = Flow(*(node.findtext(word, "") for word in words))
    if not (flow.source and flow.destination and flow.protocol):
        raise Refusal(INVALID_COMMAND, "security-policy-match is missing 'source'")
    found = Matcher(asked.device, asked.vsys or "vsys1").matching(flow)
    shown = found if node.findtext("show-all") == "yes" else found[:1]
    rules = [
        _filled(
            "entry",
            {"index": str(number), "action": rule.findtext("action", "")},
            name=markup.name_of(rule),
        )
        for number, rule in shown
    ]
    return answers.result(markup.make("rules", rules))


@command("show rule-hit-count vsys vsys-name entry")
def hit_counts(asked: Asked) -> Answer:
    """Tell how often rules were hit."""
    vsys = markup.name_of(asked.node)
    style = asked.node.find("rule-base/entry")
    scope = asked.device.vsys(vsys)
    if style is None or scope is None or markup.name_of(style) != "security":
        raise Refusal(INVALID_COMMAND, "rule-hit-count -> rule-base is invalid")
    names = [markup.name_of(r) for r in scope.findall("rulebase/security/rules/entry")]
    if style.find("rules/all") is None:
        listed = markup.words(style, "rules/list")
        names = [name for name in names if name in listed]
    rules = markup.make("rules", [_hits(asked.device, vsys, name) for name in names])
    base = markup.make("rule-base", [markup.make("entry", [rules], name="security")])
    holder = markup.make("vsys", [markup.make("entry", [base], name=vsys)])
    return answers.result(markup.make("rule-hit-count", [holder]))


def _hits(device: Appliance, vsys: str, rule: str) -> Element:
    hits = device.hits.get((vsys, rule), Hits())
    words = {
        "latest": "yes",
        "hit-count": str(hits.count),
        "last-hit-timestamp": str(int(hits.last)),
        "last-reset-timestamp": "0",
        "first-hit-timestamp": str(int(hits.first)),
        "rule-creation-timestamp": "0",
        "rule-modification-timestamp": "0",
    }
    return _filled("entry", words, name=rule)


def _managed(device: Appliance) -> list[str]:
    if not device.switches.panorama:
        raise Refusal(INVALID_COMMAND, "show -> devices is unexpected")
    entries = device.trees.running.findall("devices/entry/device-group/entry/devices/entry")
    return list(dict.fromkeys([*device.managed, *(markup.name_of(entry) for entry in entries)]))


def _reached(device: Appliance, serial: str) -> bool:
    return serial in device.managed and device.managed[serial].powered


def _device(device: Appliance, serial: str, group: str = "") -> Element:
    firewall = device.managed.get(serial)
    words = {"serial": serial, "connected": "yes" if _reached(device, serial) else "no"}
    words["unsupported-version"] = "no"
    if firewall is not None:
        facts = _facts(firewall)
        words |= {name: facts[name] for name in ("hostname", "ip-address", "model", "sw-version")}
        words |= {
            "app-version": facts["app-version"],
            "multi-vsys": "no",
            "ipv6-address": "unknown",
        }
    entry = _filled("entry", words, name=serial)
    if firewall is not None and firewall.ha.state is not None:
        ha = _filled("ha", {"state": firewall.ha.state})
        if firewall.ha.peer is not None:
            ha.append(_filled("peer", {"serial": firewall.ha.peer.switches.serial}))
        entry.append(ha)
    vsys = markup.under(entry, "vsys")
    for name in firewall.switches.vsys if firewall is not None else ("vsys1",):
        status = {"display-name": name, "shared-policy-status": ""}
        if group:
            status["shared-policy-status"] = pushes.status(device, group, serial)
        vsys.append(_filled("entry", status, name=name))
    if group:
        markup.under(entry, "shared-policy-status", pushes.status(device, group, serial))
    return entry


@command("show devices all")
def devices_all(asked: Asked) -> Answer:
    """List managed firewalls."""
    rows = [_device(asked.device, serial) for serial in _managed(asked.device)]
    return answers.result(markup.make("devices", rows))


@command("show devices connected")
def devices_connected(asked: Asked) -> Answer:
    """List the managed firewalls that can be reached."""
    serials = [one for one in _managed(asked.device) if _reached(asked.device, one)]
    return answers.result(markup.make("devices", [_device(asked.device, one) for one in serials]))


@command("show devicegroups")
def device_groups(asked: Asked) -> Answer:
    """List device groups, and whether their firewalls have what Panorama runs."""
    _managed(asked.device)
    rows, wanted = [], asked.node.findtext("name")
    for entry in asked.device.trees.running.findall("devices/entry/device-group/entry"):
        name = markup.name_of(entry)
        if wanted not in (None, "", name):
            continue
        serials = pushes.members(asked.device, name)
        inside = markup.make("devices", [_device(asked.device, one, name) for one in serials])
        rows.append(markup.make("entry", [inside], name=name))
    return answers.result(markup.make("devicegroups", rows))
