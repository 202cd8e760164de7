"""The pure half: from policies to configurations, and from those to machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from knockctl.automaton.machine import DeviceModel
from knockctl.automaton.packet import Scope
from knockctl.contract.placement import Placement
from knockctl.contract.reading import Facts, Reading
from knockctl.contract.remediation import R_co
from knockctl.contract.rendered import C, Rendered
from knockctl.policy.resolved import ResolvedPolicy


class Compiler(Protocol[C, R_co]):
    """Pure functions between policies, configurations and device text."""

    def render(
        self,
        policies: Sequence[ResolvedPolicy],
        placement: Placement,
        facts: Facts | None = None,
    ) -> Rendered[C]:
        """Compile; without facts, for a device that has everything the vendor may have."""

    def empty(self) -> C:
        """Return the config of a device that has nothing of ours."""

    def load(self, dump: str) -> C:
        """Read back what ``Config.dump`` wrote."""

    def plan(self, running: Reading[C], intended: C, change_id: str) -> R_co:
        """Return the way from running to intended, whose new mark will be ``change_id``.

        An ``intended`` that carries a revision of its own (a snapshot) gets that revision
        back once the change is confirmed. No changes, no new mark.
        """


@dataclass(frozen=True, slots=True)
class Running(Generic[C]):
    """All that judges packets on a device: ours as a config, and everything as a machine."""

    config: C
    model: DeviceModel[Any]
    """Besides, a ``Chained``."""
    families: tuple[int, ...] = (4, 6)
    """IP versions the device has at all."""
    warnings: tuple[str, ...] = ()
    """What else runs that no proof is about and an operator should know, one sentence each."""


class Modeller(Protocol[C]):
    """Pure functions from device text to machines that can be executed (design, section 11)."""

    evidence: str
    """What the machines rest on: ``kernel``, ``fact sheet``, …; printed with every proof."""
    assumptions: tuple[str, ...]
    """What the machines leave out, one sentence each."""

    def scope(self, placement: Placement) -> Scope:
        """Return which packets are the policies' at all."""

    def parse(self, text: str) -> C:
        """Read back what a config prints."""

    def model(self, config: C) -> DeviceModel[Any]:
        """Return the machine that a config alone makes; what it leaves undecided passes."""

    remedy: str
    """What mends a foreign rule that lets strangers in, in words this vendor's placement takes."""

    def running(self, text: str, intended: C | None = None) -> Running[C]:
        """Read everything a device runs, as ``Reading.text`` has it.

        With ``intended``: as it will be once that has taken the place of what is ours, where a
        plan would put it. Compiling is put off until the machine is asked.
        """
