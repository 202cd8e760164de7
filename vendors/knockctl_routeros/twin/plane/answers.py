"""How ``reject-with`` answers; its default is the manual's first value."""

from __future__ import annotations

from knockctl.lab.plane.judging import Answer

_CODES: dict[int, dict[str, int]] = {
    4: {
        "icmp-network-unreachable": 0,
        "icmp-host-unreachable": 1,
        "icmp-protocol-unreachable": 2,
        "icmp-port-unreachable": 3,
        "icmp-net-prohibited": 9,
        "icmp-host-prohibited": 10,
        "icmp-admin-prohibited": 13,
    },
    6: {
        "icmp-no-route": 0,
        "icmp-admin-prohibited": 1,
        "icmp-address-unreachable": 3,
        "icmp-port-unreachable": 4,
    },
}


def answer(how: str, family: int) -> Answer:
    """Return what goes out in answer to a packet that was rejected so."""
    return "tcp-reset" if how == "tcp-reset" else _CODES[family].get(how, 0)
