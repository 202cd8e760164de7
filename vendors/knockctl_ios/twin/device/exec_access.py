"""EXEC commands for who is in: temporary entries, sessions, connections."""

from __future__ import annotations

from collections.abc import Callable

from knockctl_ios.twin.device import times
from knockctl_ios.twin.device.dialogue import Ask, Dialogue
from knockctl_ios.twin.device.entries import NoEntry
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.shell import Command, Shell

_SIDE = "{any|host A.B.C.D|A.B.C.D A.B.C.D}"
_ARGUMENTS = f"acl=WORD [dynamic=WORD [{_SIDE} [{_SIDE} [timeout minutes=<1-9999>]]]]"
FIRST_VTY = 388
"""The absolute number of the line ``vty 0``."""


def _sides(parsed: Parsed[Command], skip: int) -> tuple[str, str]:
    """Read two addresses off a command's words; what isn't said is empty."""
    words = [w for w in parsed.words[skip:] if w]
    found: list[str] = []
    while words and words[0] != "timeout" and len(found) < 2:
        width = 1 if words[0] == "any" else 2
        taken, words = words[:width], words[width:]
        if taken[1:] == ["0.0.0.0"]:  # noqa: S104 - a wildcard, not an address to bind
            taken = ["host", taken[0]]
        found.append(" ".join(taken))
    source, destination = [*found, "", ""][:2]
    return source, destination


def access_template(shell: Shell, parsed: Parsed[Command]) -> str:
    """Make a temporary entry."""
    device = shell.device
    name = parsed.get("acl")
    source, destination = _sides(parsed, 3)
    lists = device.acl(name)
    if lists is None:
        return f"% Access list {name} is not defined\n"
    minutes = int(parsed.get("minutes", "0"))
    try:
        said = device.entries.add(lists, parsed.get("dynamic"), source, destination, minutes)
    except NoEntry as error:
        said = str(error)
    return f"{said}\n" if said else ""


def clear_template(shell: Shell, parsed: Parsed[Command]) -> str:
    """Remove a temporary entry."""
    skip = parsed.words.index("access-template") + 3
    source, destination = _sides(parsed, skip)
    try:
        name, dynamic = parsed.get("acl"), parsed.get("dynamic")
        shell.device.entries.clear(name, dynamic, source, destination)
    except NoEntry as error:
        return f"{error}\n"
    return ""


def clear_counters(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Count the matches of access lists from 0 again."""
    for lists in shell.device.acls():
        for line in lists.children:
            shell.device.counters.packets.pop(line.id, None)
    for item in shell.device.entries.items:
        item.matches = 0
    return ""


def users(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show who is logged in."""
    device, now = shell.device, shell.device.clock.now()
    rows = ["    Line       User       Host(s)              Idle       Location"]
    for number, login in sorted(device.logins.items()):
        star = "*" if number == shell.line else " "
        idle = times.since_boot(now - login.since)
        rows.append(
            f"{star}{FIRST_VTY + number:3} vty {number:<5} {login.user:<10} idle      "
            f"           {idle} {login.address}"
        )
    rows += ["", "  Interface    User               Mode         Idle     Peer Address"]
    return "\n".join(rows) + "\n"


def _connections(shell: Shell) -> list[tuple[str, str, str, str, Callable[[], None]]]:
    device = shell.device
    address = next((a.partition("/")[0] for a, _ in device.switches.addresses), "127.0.0.1")
    found = [
        (
            f"{0x7F10 + n:08X}",
            f"{address}.22",
            f"{login.address}.{login.port}",
            "ESTAB",
            login.close,
        )
        for n, login in sorted(device.logins.items())
    ]
    found += [(t, c.local, c.remote, c.state, c.close) for t, c in device.connections.items()]
    return found


def tcp_brief(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the TCP connections that end here."""
    rows = ["TCB       Local Address               Foreign Address             (state)"]
    rows += [
        f"{tcb:<9} {near:<27} {far:<27} {state}" for tcb, near, far, state, _ in _connections(shell)
    ]
    return "\n".join(rows) + "\n"


def clear_tcp(shell: Shell, parsed: Parsed[Command]) -> Dialogue:
    """Cut a TCP connection."""
    found = _connections(shell)
    wanted = parsed.get("tcb").upper()
    local = f"{parsed.get('la')}.{parsed.get('lp')}"
    remote = f"{parsed.get('ra')}.{parsed.get('rp')}"
    chosen = [c for c in found if c[0] == wanted or (c[1], c[2]) == (local, remote)]
    if not chosen:
        return "%No such connection\n"
    if (yield Ask("[confirm]", key=True)) not in ("", "y", "Y"):
        return ""
    shell.device.connections.pop(chosen[0][0], None)
    chosen[0][4]()
    return " [OK]\n"


def clear_line(shell: Shell, parsed: Parsed[Command]) -> Dialogue:
    """Cut a session."""
    number = int(parsed.get("vty") or int(parsed.get("line")) - FIRST_VTY)
    if (yield Ask("[confirm]", key=True)) not in ("", "y", "Y"):
        return ""
    login = shell.device.logins.get(number)
    if login is not None:
        login.close()
    return " [OK]\n"


COMMANDS = (
    Command(f"access-template {_ARGUMENTS}", access_template),
    Command(
        f"clear {{access-template|ip access-template}} acl=WORD dynamic=WORD [{_SIDE} [{_SIDE}]]",
        clear_template,
    ),
    Command("clear {access-list counters|ip access-list counters} [WORD]", clear_counters),
    Command("show users [all|wide]", users, 1),
    Command("who", users, 1),
    Command("show tcp brief [all|numeric]", tcp_brief, 1),
    Command("clear tcp tcb tcb=WORD", clear_tcp),
    Command("clear tcp local la=A.B.C.D lp=<1-65535> remote ra=A.B.C.D rp=<1-65535>", clear_tcp),
    Command("clear line {vty vty=<0-1869>|line=<0-1869>}", clear_line),
)
