"""What goes wrong, on request and at any time: each field is one fault, harmless by default."""

from __future__ import annotations

from dataclasses import dataclass

from knockctl.lab.faults import Fate, WireFaults, counted


@dataclass(slots=True)
class Faults(WireFaults):
    """The faults of a router. Logins are no commands and don't count."""

    power_at: int | None = None
    """Lose power at the Nth command; ``Router.power_on`` brings it back."""
    power_executes: bool = True
    """The Nth command is carried out before."""
    power_in_script: int | None = None
    """Lose power just before the Nth command of scripts; those that only look count, too."""
    trap_at: int | None = None
    """Refuse the Nth command."""
    trap_at_add: int | None = None
    """Refuse the Nth ``add``, of whatever menu; those in scripts count, too."""
    trap_text: str = "failure: out of memory"

    def fate(self) -> Fate:
        """Count a command, and tell what becomes of it; power goes before the connection."""
        self.power_at, power = counted(self.power_at)
        fate = WireFaults.fate(self)
        if power:
            return Fate.POWER_AFTER if self.power_executes else Fate.POWER_BEFORE
        return fate

    def power_fails(self) -> bool:
        """Count a script's command, and tell whether power is lost before it."""
        self.power_in_script, hit = counted(self.power_in_script)
        return hit

    def refuses(self) -> bool:
        """Count a command, and tell whether it is the one to refuse."""
        self.trap_at, hit = counted(self.trap_at)
        return hit

    def refuses_add(self) -> bool:
        """Count an add, and tell whether it is the one to refuse."""
        self.trap_at_add, hit = counted(self.trap_at_add)
        return hit
