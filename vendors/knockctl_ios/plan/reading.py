"""What a router runs, as far as a plan needs to know it: ours, and what stands around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from knockctl.contract import Reading
from knockctl_ios.config import normal
from knockctl_ios.config.listing import LIST, Listed
from knockctl_ios.config.records import ENVIRONMENT, IosConfig, own
from knockctl_ios.config.syntax import Line

PENDING = f"{ENVIRONMENT}_kc_pending"
"""Set right after the revert timer was started, gone with whatever takes the change back; it
names the change, the mark that it sets, and the copy that goes back. No part of a config."""

SCRIPTS = "event manager directory user policy "
"""Begins the line that says where scripts lie; there is one, for everybody's."""
DIRECTORY = "flash:/"
"""Where they lie where nobody said so before."""
_JUDGED = "judged"


class Place(NamedTuple):
    """One entry of an access list, ours or not."""

    text: str
    number: int
    """0: not known, as that of a remark where the configuration hides numbers."""
    ours: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What a router says of a change that is not settled."""

    change_id: str
    settled: str | None
    """The mark the change sets."""
    copy: str | None = None
    """The file that the revert timer puts back; None: the router did not say."""
    judged: bool = False
    """Whether it was read back as meant: only then what is not ours is surely others'."""

    @property
    def line(self) -> str:
        """The line of configuration that says so."""
        words = [PENDING, self.change_id, self.settled or "-", self.copy or "-"]
        return " ".join([*words, *([_JUDGED] if self.judged else [])])


@dataclass(frozen=True, slots=True)
class IosReading(Reading[IosConfig]):
    """A reading, and what a plan needs besides."""

    lists: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    """Extended access lists with their entries, by the line that opens them; numbers are known of
    those that ours are in or are meant to go into."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The classes of policy maps, in their order."""
    bindings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What interfaces and the control plane are bound to by others."""
    shared: frozenset[str] = frozenset()
    """Lines of the top."""
    named: Mapping[str, Line] = field(default_factory=dict)
    """All lines of the top, by their texts."""
    held: Held | None = None


def reading(lines: Iterable[Line], listed: Iterable[Listed] = ()) -> IosReading:
    """Put together what a running-config and the numbers of its access lists tell.

    Raises ``ValueError``, with the list's name, where the two don't fit together: one of them was
    read before somebody's change, the other after.
    """
    found = [normal.line(line) if not line.text.startswith(LIST) else line for line in lines]
    held = held_by(found)
    kept = [line for line in found if not line.text.startswith(f"{PENDING} ")]
    config = ours_in(found)
    numbers = {f"{LIST}{one.name}": one for one in listed}
    opened = (line for line in kept if line.text.startswith(LIST))
    lists = _Lists({normal.plain(line.text): line for line in opened}, config, numbers)
    return IosReading(
        config,
        lists=lists,
        classes={
            line.text: tuple(c.text for c in line.below if c.text.startswith("class "))
            for line in kept
            if line.text.startswith("policy-map ")
        },
        bindings={
            line.text: tuple(child.text for child in line.below)
            for line in kept
            if line.text.startswith(("interface ", "control-plane"))
        },
        shared=frozenset(line.text for line in kept),
        named={normal.plain(line.text): line for line in kept},
        held=held,
    )


class _Lists(Mapping[str, tuple[Place, ...]]):
    """Access lists, their entries put into normal form once somebody asks for them.

    Of thousands of lists that are not ours nobody does.
    """

    def __init__(
        self, opened: Mapping[str, Line], config: IosConfig, numbers: Mapping[str, Listed]
    ) -> None:
        self._opened, self._config = opened, config
        self._read = {
            name: _places(opened[name], config, listed)
            for name, listed in numbers.items()
            if name in opened
        }

    def __getitem__(self, name: str) -> tuple[Place, ...]:
        if name not in self._read:
            self._read[name] = _places(self._opened[name], self._config, None)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened)

    def __len__(self) -> int:
        return len(self._opened)


def directory_of(lines: Iterable[str]) -> str | None:
    """Return where scripts lie."""
    # It is printed in quotes.
    said = (one.removeprefix(SCRIPTS).strip(' "') for one in lines if one.startswith(SCRIPTS))
    return next(said, None)


def scripts_of(config: IosConfig) -> tuple[str, ...]:
    """Return the scripts of ours that are registered."""
    words = (one.text.split() for one in config.objects)
    return tuple(said[3] for said in words if said[:3] == ["event", "manager", "policy"])


def ours_in(lines: Iterable[Line]) -> IosConfig:
    """Return what of a configuration is ours, and stays when a change is settled."""
    return own(line for line in lines if not line.text.startswith(f"{PENDING} "))


def held_by(lines: Iterable[Line]) -> Held | None:
    """Return the change that is not settled."""
    for line in lines:
        if line.text.startswith(f"{PENDING} "):
            change_id, *more = line.text.removeprefix(PENDING).split()
            settled, copy = (None if word == "-" else word for word in [*more, "-", "-"][:2])
            return Held(change_id, settled, copy, judged=_JUDGED in more[2:])
    return None


def _places(line: Line, config: IosConfig, listed: Listed | None) -> tuple[Place, ...]:
    entries = [normal.entry(child.text) for child in line.below]
    parent = normal.plain(line.text)
    mine = [one.line.text for one in config.within(parent)]
    whole = config.get(parent) is not None
    shown = iter(listed.entries if listed else ())
    places = []
    for entry in entries:
        number = entry.number
        if listed is not None and not entry.text.startswith("remark"):
            there = next(shown, None)
            if there is None or there.text != entry.text:
                raise ValueError(listed.name)
            number = there.number
        ours = whole or (bool(mine) and mine[0] == entry.text)
        if ours and not whole:
            mine.pop(0)
        places.append(Place(entry.text, number, ours))
    return tuple(places)
