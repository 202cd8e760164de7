"""Menus without rows of their own: what they print is worked out when asked."""

from __future__ import annotations

from collections.abc import Callable

from knockctl_routeros.twin.device import times
from knockctl_routeros.twin.device.machine import Machine

Rows = list[dict[str, str]]


def _resource(router: Machine) -> Rows:
    return [
        {
            "uptime": times.duration(int(router.clock.now() - router.booted)),
            "version": f"{router.switches.version} (stable)",
            "free-memory": "939524096",
            "total-memory": "1073741824",
            "cpu": "ARM64",
            "cpu-count": "4",
            "cpu-load": "1",
            "architecture-name": "arm64",
            "board-name": "CHR",
            "platform": "MikroTik",
        }
    ]


def _clock(router: Machine) -> Rows:
    local, offset = router.local_time(), router.switches.gmt_offset
    sign, minutes = "-" if offset < 0 else "+", abs(offset) // 60
    return [
        {
            "time": times.time_of_day(local),
            "date": times.date(local, iso=router.switches.iso_dates),
            "time-zone-autodetect": "false",
            "time-zone-name": "manual",
            "gmt-offset": f"{sign}{minutes // 60:02}:{minutes % 60:02}",
            "dst-active": "false",
        }
    ]


def _history(router: Machine) -> Rows:
    return [
        {
            ".id": f"*{action.number:X}",
            "action": action.text,
            "by": action.by,
            "policy": "write",
            "time": router.stamp(action.when),
            "undoable": "true",
            "redoable": "false",
        }
        for action in reversed(router.history.actions)
    ]


def _device_mode(router: Machine) -> Rows:
    forbidden = router.switches.forbidden
    features = ("scheduler", "fetch", "socks", "container", "sniffer")
    return [
        {"mode": "home" if forbidden else "advanced"}
        | {name: "false" if name in forbidden else "true" for name in features}
    ]


def _active(router: Machine) -> Rows:
    return [
        {
            ".id": f"*{number:X}",
            "when": router.stamp(login.since),
            "name": login.actor.name,
            "address": login.address,
            "via": login.via,
            "radius": "false",
        }
        for number, login in sorted(router.logins.items())
    ]


def _log(router: Machine) -> Rows:
    return [
        {".id": f"*{n:X}", "time": router.stamp(line.when)}
        | {"topics": line.topics, "message": line.message}
        for n, line in enumerate(router.log, 1)
    ]


COMPUTED: dict[str, Callable[[Machine], Rows]] = {
    "/system/resource": _resource,
    "/system/clock": _clock,
    "/system/history": _history,
    "/system/device-mode": _device_mode,
    "/user/active": _active,
    "/log": _log,
}
