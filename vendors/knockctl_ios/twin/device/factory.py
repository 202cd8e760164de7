"""What a device has before anybody configures it, and how it presents itself."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface

from knockctl_ios.twin.device.switches import Switches

SERIAL = "FTX1840ALBY"


def blank(switches: Switches) -> Iterator[str]:
    """Return the configuration of a device whose startup configuration was erased."""
    yield "service timestamps debug datetime msec"
    yield "service timestamps log datetime msec"
    yield "no service password-encryption"
    yield "hostname Router"
    yield "boot-start-marker"
    yield "boot-end-marker"
    yield "no aaa new-model"
    for name in switches.interfaces:
        yield from (f"interface {name}", " shutdown")
    yield from ("ip forward-protocol nd", "no ip http server", "no ip http secure-server")
    yield from ("control-plane", "line con 0", "line aux 0")


def lines(switches: Switches) -> Iterator[str]:
    """Return the configuration that the switches order."""
    yield from blank(switches)
    yield f"hostname {switches.hostname}"
    yield "logging buffered 262144"
    if switches.enable_secret:
        yield f"enable secret {switches.enable_secret}"
    if switches.archive:
        yield from ("archive", " path flash:archive")
    for user in switches.users:
        yield f"username {user.name} privilege {user.privilege} secret {user.secret}"
    for name in switches.interfaces:
        yield from (f"interface {name}", " no shutdown")
    for address, name in switches.addresses:
        found = ip_interface(address)
        yield f"interface {name}"
        if found.version == 4:
            yield f" ip address {found.ip} {found.netmask}"
        else:
            yield f" ipv6 address {found}"
    if switches.scp:
        yield "ip scp server enable"
    yield "line vty 0 4"
    if switches.synchronous:
        yield " logging synchronous"
    yield from (" login local", " transport input ssh")


def software(switches: Switches) -> str:
    """Return the lines that name the software."""
    if switches.xe:
        return (
            f"Cisco IOS XE Software, Version {switches.version}\n"
            "Cisco IOS Software [Cupertino], Virtual XE Software (X86_64_LINUX_IOSD-UNIVERSALK9-M),"
            f" Version {switches.version}, RELEASE SOFTWARE (fc3)"
        )
    train = "C2900 Software (C2900-UNIVERSALK9-M)"
    if not switches.since(15):
        train = "2800 Software (C2800NM-ADVENTERPRISEK9-M)"
    return f"Cisco IOS Software, {train}, Version {switches.version}, RELEASE SOFTWARE (fc1)"


def model(switches: Switches) -> str:
    """Return the line that names the hardware."""
    if switches.xe:
        return "cisco C8000V (VXE) processor (revision VXE) with 2028465K/3075K bytes of memory."
    name = "2811" if not switches.since(15) else "CISCO2911/K9"
    return f"Cisco {name} (revision 1.0) with 483328K/40960K bytes of memory."
