"""What differs between routers' data planes, or what nobody documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Switches:
    """A data plane to order: the defaults are those of the lab. Times are the router's."""

    latency: tuple[float, float] = (0.1, 1.0)
    """Seconds, at least and at most, from a log line until the applets that wait for it run."""
    seed: int = 0
    """Of the latencies in between."""
    log_action: bool = True
    """A logging policy logs only where its class says ``log``."""
    bracketed: bool = True
    """The tag of an access list's log stands in brackets."""
    summarised: bool = True
    """Of a flow that an access list logs, packets after the first are only counted."""
    summary: int = 300
    """Seconds after which it is logged how many there were; 0 says nothing of them ever."""
    denying: bool = True
    """A dynamic list may deny."""
    destination: Literal["given", "both"] = "given"
    """A temporary entry's addresses replace those of its dynamic list, or add to them."""
    numeric: bool = True
    """Applets' ``lt`` and the like compare numbers as such."""
    occurs: Literal["total", "events"] = "total"
    """A trigger's ``occurs`` counts how often all events came, or single ones."""
    unreachables: float = 0.5
    """Seconds between two answers to refused packets, where an interface gives them."""
