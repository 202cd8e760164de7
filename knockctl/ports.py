"""Ports as people write them: ``tcp/22``, ``udp/443``, ``tcp/21-23``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self, cast

Protocol = Literal["tcp", "udp"]
HIGHEST_PORT = 65535

_SPAN = re.compile(r"(?P<protocol>[a-z]+)/(?P<first>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A run of ports of one protocol, both ends included; ``first == last`` is a single port."""

    protocol: Protocol
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``tcp/22`` or ``tcp/21-23``; raise ``ValueError`` with what would be right."""
        match = _SPAN.fullmatch(text.strip().lower())
        if not match:
            msg = f"{text!r} is not a port; write tcp/22, udp/443 or tcp/21-23"
            raise ValueError(msg)
        protocol = match["protocol"]
        if protocol not in ("tcp", "udp"):
            msg = f"{text!r}: protocol {protocol!r} is neither tcp nor udp"
            raise ValueError(msg)
        first = int(match["first"])
        last = int(match["last"] or first)
        for port in (first, last):
            if not 1 <= port <= HIGHEST_PORT:
                msg = f"{text!r}: port {port} is outside 1-{HIGHEST_PORT}"
                raise ValueError(msg)
        if first > last:
            msg = f"{text!r}: the range runs backwards; write {protocol}/{last}-{first}"
            raise ValueError(msg)
        return cls(cast("Protocol", protocol), first, last)

    @classmethod
    def single(cls, protocol: Protocol, port: int) -> Self:
        """Return the span that holds just this port."""
        return cls(protocol, port, port)

    def __str__(self) -> str:
        """Print as it is written in a policy."""
        run = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol}/{run}"

    def __len__(self) -> int:
        """Return the number of ports."""
        return self.last - self.first + 1

    def holds(self, protocol: str, port: int) -> bool:
        """Tell whether the port is inside."""
        return self.protocol == protocol and self.first <= port <= self.last

    def overlaps(self, other: Span) -> bool:
        """Tell whether any port is in both."""
        return (
            self.protocol == other.protocol
            and self.first <= other.last
            and other.first <= self.last
        )

    def minus(self, other: Span) -> Iterator[Span]:
        """Yield what is left of this span without the other's ports."""
        if not self.overlaps(other):
            yield self
            return
        if self.first < other.first:
            yield Span(self.protocol, self.first, other.first - 1)
        if other.last < self.last:
            yield Span(self.protocol, other.last + 1, self.last)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the same ports in order, without overlaps, neighbours joined."""
    return _merged(tuple(spans))


@lru_cache(maxsize=4096)
def _merged(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    # A policy's ports are merged anew for every family, chain and device it is rendered for.
    if len(spans) < 2:
        return spans
    result: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.protocol, s.first, s.last)):
        if result and result[-1].protocol == span.protocol and span.first <= result[-1].last + 1:
            last = result.pop()
            result.append(Span(last.protocol, last.first, max(last.last, span.last)))
        else:
            result.append(span)
    return tuple(result)


def without(spans: Iterable[Span], holes: Iterable[Span]) -> tuple[Span, ...]:
    """Return the ports of ``spans`` that are in none of ``holes``, merged."""
    left = list(spans)
    for hole in holes:
        left = [piece for span in left for piece in span.minus(hole)]
    return merged(left)


def common(spans: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """Return the ports that are in both, merged."""
    others = tuple(others)
    return merged(
        Span(a.protocol, max(a.first, b.first), min(a.last, b.last))
        for a in spans
        for b in others
        if a.overlaps(b)
    )


def holds(spans: Iterable[Span], protocol: str, port: int) -> bool:
    """Tell whether any of the spans holds the port."""
    # Asked for every packet of every trace: a plain loop is twice as quick as any().
    for span in spans:  # noqa: SIM110
        if span.protocol == protocol and span.first <= port <= span.last:
            return True
    return False


def in_slots(spans: Iterable[Span], slots: int) -> Iterator[list[Span]]:
    """Yield spans in order, as many at a time as a match with so many slots holds.

    A single port takes one, a range two: so it is in Linux' multiport and what is built on it.
    """
    chunk: list[Span] = []
    used = 0
    for span in spans:
        need = 1 if span.first == span.last else 2
        if used + need > slots:
            yield chunk
            chunk, used = [], 0
        chunk.append(span)
        used += need
    if chunk:
        yield chunk
