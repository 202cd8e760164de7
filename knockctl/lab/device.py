"""What runs as process 1 of a lab device: loads its twin and becomes it."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

from knockctl.lab.places import GROUP, place


def main(name: str) -> None:
    """Be the named device until killed; ``/proc`` is still the machine's, and knows our number."""
    place(name).pid_file.write_text(str(Path("/proc/self").readlink()))
    (twin,) = entry_points(group=GROUP, name=name)
    twin.load().run(place(name))


if __name__ == "__main__":
    main(sys.argv[1])
