"""What a log-forwarding profile makes of a traffic log: tags, some seconds later.

Every entry of the match list whose filter fits acts (fact sheet 2.4), its actions in their order.
Logs are worked off one after the other: none overtakes an earlier one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal
from xml.etree.ElementTree import Element

from knockctl.lab.clock import Clock, Timer
from knockctl_panos.twin.device import logquery, markup
from knockctl_panos.twin.plane.switches import Switches

Fields = Mapping[str, str]
_TARGETS = {"source-address": "src", "destination-address": "dst"}


@dataclass(frozen=True, slots=True)
class Tagging:
    """One built-in action: what is done to which address."""

    action: Literal["add-tag", "remove-tag"]
    target: str
    """The field of the log that holds the address."""
    tags: tuple[str, ...]
    minutes: int
    """0: for ever."""


def taggings(profile: Element, log: Fields) -> Iterator[Tagging]:
    """Yield the actions with which a profile answers a traffic log."""
    for match in profile.findall("match-list/entry"):
        if markup.text_of(match.find("log-type")) not in ("", "traffic"):
            continue
        if not logquery.parse(markup.text_of(match.find("filter")))(log):
            continue
        for action in match.findall("actions/entry"):
            tagging = action.find("type/tagging")
            if tagging is not None and tagging.find("registration/localhost") is not None:
                yield from _tagging(tagging)


def _tagging(node: Element) -> Iterator[Tagging]:
    target = _TARGETS.get(markup.text_of(node.find("target")))
    minutes = int(markup.text_of(node.find("timeout")) or 0)
    tags = tuple(markup.words(node, "tags"))
    match markup.text_of(node.find("action")):
        case ("add-tag" | "remove-tag") as action if target is not None:
            yield Tagging(action, target, tags, minutes)


class Forwarding:
    """Lets each log take effect after a while of its own."""

    def __init__(
        self, clock: Clock, switches: Switches, act: Callable[[Tagging, str], None]
    ) -> None:
        """Have ``act`` do an action to an address."""
        self.clock = clock
        self.switches = switches
        self._act = act
        self._random = random.Random(switches.seed)  # noqa: S311 - a latency, no secret
        self._last = 0.0
        self._underway: list[Timer] = []

    def take(self, profile: Element, log: Fields) -> None:
        """Do what a profile says to a log, when its time has come."""
        now = self.clock.now()
        self._underway = [timer for timer in self._underway if timer.when > now]
        found = list(taggings(profile, log))
        if not found:
            return
        self._last = max(self._last, now + self._random.uniform(*self.switches.latency))
        for tagging in found:
            act = partial(self._act, tagging, log[tagging.target])
            self._underway.append(self.clock.call_at(self._last, act))

    def forget(self) -> None:
        """Lose what is under way: a restart."""
        for timer in self._underway:
            timer.cancel()
        self._underway.clear()
