"""Prints a lab device's own configuration, without comments such as a header that says when."""

from __future__ import annotations

import sys

from knockctl.lab.places import place
from knockctl.lab.plane.control import tell


def main(name: str) -> None:
    """Print it."""
    text = tell(place(name), export="")["export"]
    sys.stdout.write("".join(f"{line}\n" for line in text.splitlines() if line[:1] != "#"))


if __name__ == "__main__":
    main(sys.argv[1])
