"""The global options, as the root command keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Flags:
    """The global options as given; None where not given."""

    inventory: Path | None = None
    journal: str | None = None
    output: str | None = None
