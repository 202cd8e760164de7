"""EXEC commands that show configurations, versions, logs and EEM."""

from __future__ import annotations

import re
from collections.abc import Iterator

from knockctl_ios.semantics.tcl import registration
from knockctl_ios.twin.device import applets, factory, render, times
from knockctl_ios.twin.device.device import visible
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.shell import Command, Shell
from knockctl_ios.twin.device.switches import Switches
from knockctl_ios.twin.device.tree import Node

NVRAM = 262_136


def running(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the running configuration."""
    return shell.device.show_running()


def running_part(shell: Shell, parsed: Parsed[Command]) -> str:
    """Show the part of the running configuration that one line opens."""
    device = shell.device
    name = parsed.get("interface") or parsed.get("kind") + parsed.get("unit")
    node = device.running.child(f"interface {name}")
    if node is None:
        return "% Interface not found\n"
    body = "\n".join(render.section(node, device.switches)) + "\nend\n"
    size = len(body)
    return f"Building configuration...\n\nCurrent configuration : {size} bytes\n!\n{body}"


def startup(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the startup configuration."""
    text = shell.device.startup
    if text is None:
        return "startup-config is not present\n"
    return f"Using {len(text)} out of {NVRAM} bytes\n!\n{visible(text)}"


def version(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show what software runs on what hardware, and for how long."""
    device = shell.device
    up = times.uptime(device.clock.now() - device.booted)
    name = device.hostname
    return (
        f"{factory.software(device.switches)}\n"
        "Technical Support: http://www.cisco.com/techsupport\n"
        "Copyright (c) 1986-2024 by Cisco Systems, Inc.\n\n"
        "ROM: System Bootstrap, Version 15.0(1r)M16, RELEASE SOFTWARE (fc1)\n\n"
        f"{name} uptime is {up}\n"
        "System returned to ROM by power-on\n"
        'System image file is "flash:ios.bin"\n'
        "Last reload type: Normal Reload\n\n"
        f"{factory.model(device.switches)}\n"
        f"Processor board ID {factory.SERIAL}\n"
        f"{len(device.switches.interfaces)} Gigabit Ethernet interfaces\n"
        "255K bytes of non-volatile configuration memory.\n\n"
        "Configuration register is 0x2102\n"
    )


def logging(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the log."""
    return shell.device.logs.show(shell.device.running) + "\n"


def clock(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the time."""
    mark = "" if shell.device.switches.clock_authoritative else "*"
    return times.clock(shell.device.clock.now(), mark) + "\n"


def hosts(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the domain."""
    node = shell.device.running.child("ip domain name")
    domain = f"is {node.args['name']}" if node is not None else "is not set"
    return f"Default domain {domain}\nName/address lookup uses domain service\n"


def privilege(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the session's level."""
    return f"Current privilege level is {shell.level}\n"


# --- the embedded event manager ---


def eem_version(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show what EEM can do."""
    return (
        f"Embedded Event Manager Version {_eem(shell.device.switches)}\n"
        "Component Versions:\n"
        "eem: (v400_throttle)4.0.0\n"
        "Event Detectors:\n"
        "Name                Version   Node        Type\n"
        "cli                 01.00     node0/0     RP\n"
        "none                01.00     node0/0     RP\n"
        "syslog              01.00     node0/0     RP\n"
        "timer               01.00     node0/0     RP\n"
    )


def _eem(switches: Switches) -> str:
    if switches.since(15):
        return "4.00" if switches.since(15, 2) else "3.10"
    train = re.fullmatch(r"12\.4\((\d+)\)T\w*", switches.version)
    return "3.00" if train is not None and int(train.group(1)) >= 22 else "2.40"


def eem_registered(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the policies that are registered."""
    rows = ["No.  Class     Type    Event Type          Trap  Time Registered           Name"]
    for number, node in enumerate(shell.device.applets(), 1):
        rows += _registered(shell, number, node)
    return "\n".join(rows) + "\n"


def _registered(shell: Shell, number: int, node: Node) -> Iterator[str]:
    tcl = node.key.startswith("event manager policy")
    kind = "script" if tcl else "applet"
    events = [child for child in node.children if child.key.startswith("event")]
    what = "multiple" if len(events) > 1 else _detector(events[0]) if events else "syslog"
    when = times.dated(node.since)
    yield f"{number:<4} {kind:<9} user    {what:<19} Off   {when:<25} {node.args['name']}"
    if tcl:
        found = registration(shell.device.text_of(node.args["path"]) or "")
        secure = "bypass" if "authorization bypass" in node.text else "none"
        if found is not None:
            yield f" pattern {{{found.pattern or ''}}}"
            yield (
                f" nice 0 queue-priority normal maxrun {found.maxrun:.3f} scheduler rp_primary"
                f" Secu {secure}"
            )
        return
    for at, event in enumerate(events, 1):
        yield _event(at, event, single=len(events) == 1)
    trigger = node.child("trigger")
    if trigger is not None:
        yield f" {_three_digits(trigger.text)}"
        yield from (f"  {line.text}" for line in trigger.children)
    run = re.search(r"maxrun (\S+)", events[0].text) if events else None
    seconds = float(run.group(1)) if run else 20.0
    secure = "bypass" if "authorization bypass" in node.text else "none"
    yield (f" nice 0 queue-priority normal maxrun {seconds:.3f} scheduler rp_primary Secu {secure}")
    yield from (f" {text}" for child, text in applets.indented(node) if child.args.get("verb"))


def _three_digits(text: str) -> str:
    return re.sub(r"period (\S+)", lambda m: f"period {float(m.group(1)):.3f}", text)


def _detector(event: Node) -> str:
    words = event.text.split()
    return words[3] if words[1] == "tag" else words[1]


def _event(number: int, event: Node, *, single: bool) -> str:
    found = re.search(r'pattern "((?:\\.|[^"\\])*)"', event.text)
    pattern = found.group(1).replace('\\"', '"') if found else ""
    if single and not event.args["tag"]:
        return f" pattern {{{pattern}}}"
    tag = f" tag {event.args['tag']}:" if event.args["tag"] else ""
    return f" {number}: {_detector(event)}:{tag} pattern {{{pattern}}}"


def eem_history(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the runs of policies."""
    rows = [
        "E - Event, S - Success, F - Failure",
        "No.  Job Id  Proc Status   Time of Event            Event Type        Name",
    ]
    for number, run in enumerate(shell.device.runs, 1):
        when = times.dated(run.when)
        rows.append(
            f"{number:<4} {run.job:<7} Actv {run.status:<8} {when:<24} {run.event:<17} {run.name}"
        )
    return "\n".join(rows) + "\n"


def eem_environment(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the environment's names and values."""
    rows = ["No.  Name                                    Value"]
    for number, node in enumerate(shell.device.running.having("event manager environment"), 1):
        _, _, _, name, value = node.text.split(" ", 4)
        rows.append(f"{number:<4} {name:<39} {value}")
    return "\n".join(rows) + "\n"


COMMANDS = (
    Command("show running-config [all|brief|full|view full]", running),
    Command(
        "show running-config interface {interface=INTERFACE|kind=TYPE unit=UNIT}", running_part
    ),
    Command("show startup-config", startup),
    Command("show configuration", startup),
    Command("show version", version, 1),
    Command("show logging", logging, 1),
    Command("show clock [detail]", clock, 1),
    Command("show hosts", hosts, 1),
    Command("show privilege", privilege, 1),
    Command("show event manager version", eem_version, 1),
    Command("show event manager policy registered [detailed WORD]", eem_registered, 1),
    Command("show event manager history events [detailed]", eem_history, 1),
    Command("show event manager environment [all]", eem_environment, 1),
)
