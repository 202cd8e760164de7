"""What runs, as a plan needs it: ours as a config, the order of all rules, and who is above.

Thousands of foreign rules are looked at no closer than needed: those below ours not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as ET

from knockctl.vendor import Neighbour, Reading
from knockctl_panos import xmltext
from knockctl_panos.config import KINDS, OWN, OWN_NAME, RULES, Entry, PanosConfig, Place
from knockctl_panos.location import Location
from knockctl_panos.neighbours import Governed, Objects, neighbour


@dataclass(frozen=True, slots=True)
class PanosReading(Reading[PanosConfig]):
    """What runs on a firewall, in one vsys; or on Panorama, in one device group."""

    order: tuple[str, ...] = ()
    """The names of all rules, as they are judged."""
    rules: tuple[ET.Element, ...] = field(default=(), compare=False)
    """The same, in the same order."""
    objects: Objects = field(default_factory=Objects, compare=False)
    pushed: tuple[ET.Element, ...] = field(default=(), compare=False)
    """On a firewall, the rules that Panorama has put above all of its own."""

    def judging(self, names: Iterable[str], config: PanosConfig) -> tuple[Neighbour, ...]:
        """Return those of some foreign rules that may judge packets which a config governs."""
        chosen = set(names)
        if not chosen:
            return ()
        return self._met((rule for rule in self.rules if rule.get("name") in chosen), config)

    def pushed_above(self, config: PanosConfig) -> tuple[Neighbour, ...]:
        """Return those of Panorama's rules that may judge packets which a config governs."""
        return self._met(self.pushed, config)

    def _met(self, rules: Iterable[ET.Element], config: PanosConfig) -> tuple[Neighbour, ...]:
        ours = Governed.of(config)
        return tuple(n for rule in rules if (n := neighbour(rule, ours, self.objects)))


def reading(
    container: ET.Element | None,
    shared: Sequence[ET.Element],
    location: Location,
    pushed: ET.Element | None = None,
) -> PanosReading:
    """Read a vsys, or a device group, what is shared with it, and what Panorama has pushed."""
    places = [e for e in (container, *shared) if e is not None]
    above: tuple[ET.Element, ...] = ()
    if pushed is not None:
        places += [pushed, *pushed.iterfind("shared")]
        base = "pre-rulebase/security/rules/entry"
        above = (*pushed.iterfind(f"shared/{base}"), *pushed.iterfind(base))
    objects = Objects(tuple(places))
    if container is None:
        return PanosReading(PanosConfig(), objects=objects, pushed=above)
    entries = tuple(_own(container, location))
    rules = tuple(container.iterfind(f"{location.below(RULES)}/entry"))
    order = tuple(rule.get("name", "") for rule in rules)
    ours = {entry.name for entry in entries if entry.kind == RULES}
    config = PanosConfig(entries, place=_standing(order, ours))
    found = PanosReading(config, (), order, rules, objects, above)
    first = next((index for index, name in enumerate(order) if name in ours), 0)
    neighbours = (*found.pushed_above(config), *found.judging(order[:first], config))
    return replace(found, neighbours=neighbours)


def _own(container: ET.Element, location: Location) -> Iterator[Entry]:
    for kind in KINDS:
        for element in container.iterfind(f"{location.below(kind)}/entry"):
            name = element.get("name", "")
            if name == OWN or name.startswith(OWN_NAME):
                entry = Entry.of(kind, name, xmltext.of_element(element))
                if entry.ours:
                    yield entry


def _standing(order: Sequence[str], ours: set[str]) -> Place:
    above = ""
    for name in order:
        if name in ours:
            return ("after", above) if above else ("top", "")
        above = name
    return ("top", "")


def foreign(order: Iterable[str], ours: PanosConfig) -> Iterator[str]:
    """Yield the names of the rules that are not ours."""
    mine = {entry.name for entry in ours.rules}
    return (name for name in order if name not in mine)
