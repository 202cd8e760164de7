"""What goes wrong, on request and at any time: each field is one fault, harmless by default."""

from __future__ import annotations

from dataclasses import dataclass

from knockctl.lab.faults import PowerFaults, counted


@dataclass(slots=True)
class Faults(PowerFaults):
    """The faults of a router. Commands are typed lines; empty ones don't count."""

    power_at_line: int | None = None
    """Lose power after the Nth line of configuration, typed or copied."""
    refuse_line: int | None = None
    """Refuse the Nth line of configuration, typed or copied."""
    refuse_text: str = ""
    """What is said then; empty is the marker, as for a line that isn't understood."""
    cut_upload: bool = False
    """Cut the connection of the next upload by SCP; a part of the file arrives."""
    save_fails: bool = False
    """The startup configuration cannot be written."""
    flash_full: bool = False
    """Nothing can be written to flash."""

    def refuses(self) -> bool:
        """Count a line of configuration, and tell whether it is the one to refuse."""
        self.refuse_line, hit = counted(self.refuse_line)
        return hit

    def loses_power(self) -> bool:
        """Count a line of configuration, and tell whether power goes with it."""
        self.power_at_line, hit = counted(self.power_at_line)
        return hit
