"""The pure half: from policies to configurations, and from those to machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from knockctl.automaton.machine import DeviceModel
from knockctl.automaton.packet import Scope
from knockctl.contract.placement import P_contra
from knockctl.contract.reading import Facts, Reading
from knockctl.contract.remediation import R
from knockctl.contract.rendered import C, C_co, Rendered
from knockctl.policy.resolved import ResolvedPolicy


class Render(Protocol[P_contra, C_co]):
    """How policies become a configuration."""

    def __call__(
        self,
        policies: Sequence[ResolvedPolicy],
        placement: P_contra,
        facts: Facts | None = None,
    ) -> Rendered[C_co]:
        """Compile; without facts, for a device that has everything the vendor may have."""


@dataclass(frozen=True, slots=True)
class Compiler(Generic[P_contra, C, R]):
    """Pure functions between policies, configurations and device text."""

    render: Render[P_contra, C]
    empty: Callable[[], C]
    """Makes the config of a device that has nothing of ours."""
    load: Callable[[str], C]
    """Reads back what ``Config.dump`` wrote."""
    plan: Callable[[Reading[C], C, str], R]
    """Tells the way from running to intended, whose new mark will be the change id given.

    An intended config that carries a revision of its own (a snapshot) gets that revision back once
    the change is confirmed. No changes, no new mark.
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


class Modeller(Protocol[P_contra, C]):
    """Pure functions from device text to machines that can be executed (design, section 11)."""

    evidence: str
    """What the machines rest on: ``kernel``, ``fact sheet``, …; printed with every proof."""
    assumptions: tuple[str, ...]
    """What the machines leave out, one sentence each."""

    def scope(self, placement: P_contra) -> Scope:
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
