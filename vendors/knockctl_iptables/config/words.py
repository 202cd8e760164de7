"""Pieces of rules, in the order and spelling ``iptables-save`` prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

from knockctl.ports import Span, in_slots, merged
from knockctl_iptables.config.records import Family, Rule

Words = tuple[str, ...]

# xt_multiport holds 15 ports, a range counting as two: linux/netfilter/xt_multiport.h.
MULTIPORT_SLOTS = 15
OPENING = ("-p", "tcp", "-m", "tcp", "--tcp-flags", "FIN,SYN,RST,ACK", "SYN")
NOT_OPENING = ("-p", "tcp", "-m", "tcp", "!", "--tcp-flags", "FIN,SYN,RST,ACK", "SYN")
KNOWN = ("-m", "conntrack", "--ctstatus", "CONFIRMED")
INVALID = ("-m", "conntrack", "--ctstate", "INVALID")
RETURN = ("-j", "RETURN")
ACCEPT = ("-j", "ACCEPT")
DROP = ("-j", "DROP")


def rule(*parts: Sequence[str]) -> Rule:
    """Join pieces into a rule; ``-p`` must come first, right after ``-s`` and ``-d``."""
    return Rule(tuple(chain.from_iterable(parts)))


def jump(chain: str) -> Words:
    """Go to a chain and come back."""
    return ("-j", chain)


def goto(chain: str) -> Words:
    """Go to a chain; its end is the end of this one, too."""
    return ("-g", chain)


def port_matches(spans: Iterable[Span]) -> tuple[tuple[str, Words], ...]:
    """Return ``(protocol, words)`` that together match all the ports, without the ``-p``."""
    return _port_matches(tuple(spans))


@lru_cache(maxsize=4096)
def _port_matches(spans: tuple[Span, ...]) -> tuple[tuple[str, Words], ...]:
    return tuple(_matches(merged(spans)))


def _matches(spans: tuple[Span, ...]) -> Iterator[tuple[str, Words]]:
    for protocol in ("tcp", "udp"):
        for chunk in in_slots((s for s in spans if s.protocol == protocol), MULTIPORT_SLOTS):
            if len(chunk) == 1:
                yield protocol, ("-m", protocol, "--dport", _run(chunk[0]))
            else:
                ports = ",".join(_run(span) for span in chunk)
                yield protocol, ("-m", "multiport", "--dports", ports)


def on_ports(spans: Iterable[Span], *rest: Sequence[str]) -> Iterator[Rule]:
    """Yield the rules that do ``rest`` on these ports."""
    for protocol, match in port_matches(spans):
        yield rule(("-p", protocol), match, *rest)


def _run(span: Span) -> str:
    return str(span.first) if span.first == span.last else f"{span.first}:{span.last}"


def member(name: str) -> Words:
    """Match sources that are in the set."""
    return ("-m", "set", "--match-set", name, "src")


def not_member(name: str) -> Words:
    """Match sources that are not in the set."""
    return ("-m", "set", "!", "--match-set", name, "src")


def put(name: str, seconds: int) -> Words:
    """Add the source to the set, or start its time anew."""
    return ("-j", "SET", "--add-set", name, "src", "--exist", "--timeout", str(seconds))


def move(old: str, new: str, seconds: int) -> Words:
    """Take the source out of one set and put it into another, in one action."""
    return (*put(new, seconds), "--del-set", old, "src")


def take(name: str) -> Words:
    """Take the source out of the set."""
    return ("-j", "SET", "--del-set", name, "src")


def note(prefix: str) -> Words:
    """Log, ten lines a minute at most; the prefix is cut at 29 characters by the kernel."""
    return (
        *("-m", "limit", "--limit", "10/min"),
        *("-j", "LOG", "--log-prefix", prefix, "--log-level", "6"),
    )


def unreachable(family: Family) -> str:
    """Return the ICMP answer a closed UDP port gives in this family."""
    return "icmp-port-unreachable" if family == 4 else "icmp6-port-unreachable"
