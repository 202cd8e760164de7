"""What runs as process 1 of a lab device: loads its twin and becomes it."""

from __future__ import annotations

import sys
from pathlib import Path

from knockctl.lab.lab import twins
from knockctl.lab.plan import PLACES


def main(name: str) -> None:
    """Be the named device until killed; ``/proc`` is still the machine's, and knows our number."""
    PLACES[name].pid_file.write_text(str(Path("/proc/self").readlink()))
    twins()[name].load().run(PLACES[name])


if __name__ == "__main__":
    main(sys.argv[1])
