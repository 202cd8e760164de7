"""What differs between firewalls' data planes, or what nobody documents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Switches:
    """A data plane to order: the defaults are those of the lab. Times are the firewall's."""

    latency: tuple[float, float] = (1.0, 3.0)
    """Seconds, at least and at most, from a packet to the tag that its log sets or removes."""
    seed: int = 0
    """Of the latencies in between."""
    aggregation: float = 0.0
    """Seconds in which logs of equal source, destination, application, subtype and rule are one,
    whose repeat count grows and which acts once; the log's documentation says 5. 0: each is one."""
    twice: bool = False
    """A drop is logged at both ends where a rule has ``log-start`` and ``log-end``."""
    reject_non_syn: bool = True
    """TCP that begins in the middle is dropped before any rule sees it: ``tcp-reject-non-syn``."""
    rematch: bool = True
    """After a commit, sessions that the new rules would not let in are discarded."""
