"""What goes wrong, on request and at any time: each field is one fault, harmless by default."""

from __future__ import annotations

from dataclasses import dataclass

from knockctl.lab.faults import PowerFaults, counted


@dataclass(slots=True)
class Faults(PowerFaults):
    """The faults of a router. Logins are no commands and don't count."""

    power_in_script: int | None = None
    """Lose power just before the Nth command of scripts; those that only look count, too."""
    trap_at: int | None = None
    """Refuse the Nth command."""
    trap_at_add: int | None = None
    """Refuse the Nth ``add``, of whatever menu; those in scripts count, too."""
    trap_text: str = "failure: out of memory"

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
