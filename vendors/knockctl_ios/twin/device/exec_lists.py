"""EXEC commands that show access lists, classes, and what is attached to what."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from knockctl_ios.twin.device import acl, render
from knockctl_ios.twin.device.entries import Entry
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.shell import Command, Shell
from knockctl_ios.twin.device.tree import Node


def _matches(count: int) -> str:
    return f" ({count} match{'' if count == 1 else 'es'})" if count else ""


def access_lists(shell: Shell, parsed: Parsed[Command]) -> str:
    """Show access lists, temporary entries included."""
    name = parsed.get("name")
    found = [node for node in shell.device.acls() if name in ("", acl.name_of(node))]
    return "".join(f"{line}\n" for node in found for line in _list(shell, node))


def _list(shell: Shell, node: Node) -> Iterator[str]:
    device, name = shell.device, acl.name_of(node)
    yield f"Extended IP access list {name}"
    for line in node.children:
        if line.text.startswith("remark"):
            continue
        text = line.text.replace("dynamic ", "Dynamic ", 1) if "dynamic" in line.args else line.text
        yield f"    {line.sequence} {text}{_matches(device.counters.packets.get(line.id, 0))}"
        for entry in device.entries.of(name):
            if entry.line is line:
                yield f"       {entry.text}{_matches(entry.matches)}{_left(shell, entry)}"


def _left(shell: Shell, entry: Entry) -> str:
    left = shell.device.entries.left(entry)
    return "" if left is None else f" (time left {left})"


# --- policies ---


def control_plane(shell: Shell, parsed: Parsed[Command]) -> str:
    """Show the policies of the control plane, with what they have counted."""
    where = parsed.get("where")
    place = shell.device.running.child(f"control-plane {where}".strip())
    title = {"": "Control Plane", "host": "Control Plane Host"}
    head = title.get(where, f"Control Plane {where.capitalize()}")
    body = ""
    for attached in place.children if place is not None else ():
        body += "".join(f"{line}\n" for line in _attached(shell, attached))
    return f"{head}\n\n{body}" if body else ""


def _attached(shell: Shell, attached: Node) -> Iterator[str]:
    running = shell.device.running
    name, kind = attached.args["name"], attached.args["type"]
    typed = f"type {kind} " if kind else ""
    direction = "output" if " output" in attached.text else "input"
    yield f"  Service-policy {typed}{direction}: {name}"
    yield ""
    policy = running.child(f"policy-map {typed}{name}")
    classes = policy.children if policy is not None else []
    for item in classes:
        if item.text != "class class-default":
            yield from _class(shell, item, running.child(f"class-map {typed}{item.text[6:]}"))
    default = next((item for item in classes if item.text == "class class-default"), None)
    yield from _class(shell, default, None)


def _class(shell: Shell, item: Node | None, classes: Node | None) -> Iterator[str]:
    counters = shell.device.counters
    name = item.text[6:] if item is not None else "class-default"
    how = "match-all" if classes is not None and "match-all" in classes.text else "match-any"
    number = item.id if item is not None else 0
    packets, size = counters.packets.get(number, 0), counters.bytes.get(number, 0)
    yield f"    Class-map: {name} ({how})"
    yield f"      {packets} packets, {size} bytes"
    yield "      5 minute offered rate 0000 bps, drop rate 0000 bps"
    for line in classes.children if classes is not None else ():
        yield f"      Match: {line.text.removeprefix('match ')}"
    if classes is None:
        yield "      Match: any"
    for line in item.children if item is not None else ():
        yield f"      {line.text}"
    yield ""


def maps(shell: Shell, parsed: Parsed[Command]) -> str:
    """Show class-maps or policy-maps as they are configured."""
    word = parsed.words[1]
    found = shell.device.running.having(f"{word} ")
    name = parsed.get("name")
    chosen = [node for node in found if name in ("", node.args["name"])]
    lines = [line for node in chosen for line in render.section(node, shell.device.switches)]
    return "".join(f" {line}\n" for line in lines)


def groups(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show object groups."""
    said = ""
    for node in shell.device.running.having("object-group "):
        words = node.text.split()
        said += f"{words[1].capitalize()} object group {words[2]}\n"
        said += "".join(f" {line.text}\n" for line in node.children) + "\n"
    return said


# --- interfaces ---


def _interfaces(shell: Shell, name: str) -> list[Node]:
    found = shell.device.running.having("interface ")
    return [node for node in found if name in ("", node.args["name"])]


def _group(node: Node, direction: str) -> str:
    found = node.child(f"ip access-group {direction}")
    return found.args["name"] if found is not None else "not set"


def ip_interface(shell: Shell, parsed: Parsed[Command]) -> str:
    """Show interfaces as IP sees them."""
    name = parsed.get("name") or parsed.get("kind") + parsed.get("unit")
    return "".join(f"{line}\n" for node in _interfaces(shell, name) for line in _interface(node))


def _interface(node: Node) -> Iterator[str]:
    down = node.child("shutdown") is not None
    state = "administratively down, line protocol is down" if down else "up, line protocol is up"
    yield f"{node.args['name']} is {state}"
    address = node.child("ip address")
    if address is None:
        yield "  Internet protocol processing disabled"
        return
    words = address.text.split()
    if len(words) == 4:
        yield f"  Internet address is {words[2]}/{IPv4Network(f'0.0.0.0/{words[3]}').prefixlen}"
    yield "  Broadcast address is 255.255.255.255"
    yield "  MTU is 1500 bytes"
    yield f"  Outgoing access list is {_group(node, 'out')}"
    yield f"  Inbound  access list is {_group(node, 'in')}"
    yield f"  Proxy ARP is {'dis' if node.child('ip proxy-arp') else 'en'}abled"
    yield f"  ICMP redirects are {'never' if node.child('ip redirects') else 'always'} sent"
    yield f"  ICMP unreachables are {'never' if node.child('ip unreachables') else 'always'} sent"
    yield "  ICMP mask replies are never sent"


def ip_brief(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show interfaces, one per line."""
    rows = ["Interface                  IP-Address      OK? Method Status                Protocol"]
    for node in _interfaces(shell, ""):
        down = node.child("shutdown") is not None
        address = node.child("ip address")
        ip = address.text.split()[2] if address is not None else "unassigned"
        state = "administratively down" if down else "up"
        protocol = "down" if down else "up"
        rows.append(f"{node.args['name']:<26} {ip:<15} YES NVRAM  {state:<21} {protocol}")
    return "\n".join(rows) + "\n"


COMMANDS = (
    Command("show {access-lists|ip access-lists} [name=WORD]", access_lists, 1),
    Command(
        "show policy-map control-plane [where=host|where=transit|where=cef-exception]"
        " [all|input|output]",
        control_plane,
        1,
    ),
    Command(
        "show policy-map type {logging|port-filter} control-plane"
        " [where=host|where=transit|where=cef-exception]",
        control_plane,
        1,
    ),
    Command("show {class-map|policy-map} [name=WORD]", maps, 1),
    Command("show object-group [WORD]", groups, 1),
    Command("show ip interface [name=INTERFACE|kind=TYPE unit=UNIT]", ip_interface, 1),
    Command("show ip interface brief", ip_brief, 1),
)
