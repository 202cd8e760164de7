"""Where the lab's devices stand: each twin says it, and it is noted while the lab is up.

A twin is an entry point of the group ``knockctl.twins``, of whatever distribution; its name is the
device's. One that can't be imported is left out, and told of with its distribution.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from knockctl.errors import LabError
from knockctl.lab.plan import STATE, Place

GROUP = "knockctl.twins"
NOTED = STATE / "places.json"
_FREE = range(2, 100)
"""What the last part of a device's addresses may be: .1 is the operator, from .100 on clients."""


class Twin(Protocol):
    """A device of the lab: a real host, or a stand-in that speaks its protocol."""

    last: int
    """The last part of its addresses, 2 to 99; no other device of the lab has it."""
    needs: dict[str, str]
    """Programs it needs, and the Debian packages they come in."""
    snapshot: str
    """Shell that prints the device's own configuration, as the device itself would."""

    def run(self, place: Place) -> None:
        """Be the device: runs as process 1 of its own namespaces, until killed.

        Writes ``ready`` into ``place.state`` once the device answers.
        """


@cache
def twins() -> Mapping[str, Twin]:
    """Return every device there can be, by name."""
    found = {point.name: _loaded(point) for point in entry_points(group=GROUP)}
    return {name: twin for name, twin in sorted(found.items()) if twin is not None}


def _loaded(point: EntryPoint) -> Twin | None:
    try:
        found: Twin = point.load()
    except Exception as error:  # noqa: BLE001 - whatever another's package does when imported
        whose = point.dist.name if point.dist else "an unknown distribution"
        logging.getLogger("knockctl.lab").warning(
            "the lab goes without %s: %s of %s can't be imported: %s",
            *(point.name, point.value, whose, error),
        )
        return None
    return found


def place(name: str) -> Place:
    """Return a device's place, as it was noted when the lab came up, or else as its twin says."""
    noted = _noted()
    if name in noted:
        return Place(name, noted[name])
    if name not in twins():
        raise LabError(f"there is no {name!r} in the lab; there are {', '.join(known())}")
    return Place(name, twins()[name].last)


def known() -> list[str]:
    """Return where in the lab something can be run, by name."""
    return ["ops", "wan", *sorted(_noted() or twins())]


def places() -> list[Place]:
    """Return the place of every device there can be.

    Raises ``LabError`` where two want the same addresses, or one wants some that are not free.
    """
    taken: dict[int, str] = {}
    for name, twin in twins().items():
        if twin.last not in _FREE:
            raise LabError(
                f"the twin {name} wants addresses that end in {twin.last!r}",
                hint=f"a number from {_FREE[0]} to {_FREE[-1]} can be had",
            )
        if twin.last in taken:
            raise LabError(
                f"the twins {taken[twin.last]} and {name} both want addresses that end in"
                f" {twin.last}",
                hint="uninstall one of the packages they come in",
            )
        taken[twin.last] = name
    return [Place(name, last) for last, name in sorted(taken.items())]


def note(found: list[Place]) -> None:
    """Note where the devices stand, for every command until the lab is taken down."""
    NOTED.write_text(json.dumps({one.name: one.last for one in found}))


def _noted() -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads(NOTED.read_text())
    except FileNotFoundError:
        return {}
    return found
