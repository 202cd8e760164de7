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

_PRE = "pre-rulebase/security/rules"


@dataclass(frozen=True, slots=True)
class PanosReading(Reading[PanosConfig]):
    """What runs on a firewall, in one vsys; or on Panorama, in one device group."""

    order: tuple[str, ...] = ()
    """The names of all rules, as they are judged."""
    rules: tuple[ET.Element, ...] = field(default=(), compare=False)
    """The same, in the same order."""
    objects: Objects = field(default_factory=Objects, compare=False)
    before: tuple[tuple[str, ET.Element], ...] = field(default=(), compare=False)
    """Rules judged before all of these, each with where it stands: on a firewall, what Panorama
    has put there; on Panorama, what groups above, and ``shared``, have in ``pre-rulebase``."""

    def judging(self, names: Iterable[str], config: PanosConfig) -> tuple[Neighbour, ...]:
        """Return those of some foreign rules that may judge packets which a config governs."""
        chosen = set(names)
        if not chosen:
            return ()
        found = ((RULES, rule) for rule in self.rules if rule.get("name") in chosen)
        return self._met(found, config)

    def judged_before(self, config: PanosConfig) -> tuple[Neighbour, ...]:
        """Return those rules before all others that may judge packets which a config governs."""
        return self._met(self.before, config)

    def _met(
        self, rules: Iterable[tuple[str, ET.Element]], config: PanosConfig
    ) -> tuple[Neighbour, ...]:
        ours = Governed.of(config)
        return tuple(n for where, r in rules if (n := neighbour(where, r, ours, self.objects)))


def reading(
    container: ET.Element | None,
    around: Sequence[ET.Element],
    location: Location,
    pushed: ET.Element | None = None,
) -> PanosReading:
    """Read a vsys, or a device group, and what Panorama has pushed.

    ``around`` is what names are looked up in besides: the device groups above, the nearest first,
    and what is shared.
    """
    places = [e for e in (container, *around) if e is not None]
    before = tuple(_before(container, around, location))
    if pushed is not None:
        places += [pushed, *pushed.iterfind("shared")]
        before = tuple(
            (f"Panorama's {_PRE}", rule)
            for path in (f"shared/{_PRE}", _PRE)
            for rule in pushed.iterfind(f"{path}/entry")
        )
    objects = Objects(tuple(places))
    if container is None:
        return PanosReading(PanosConfig(), objects=objects, before=before)
    entries = tuple(_own(container, location))
    rules = tuple(container.iterfind(f"{location.below(RULES)}/entry"))
    order = tuple(rule.get("name", "") for rule in rules)
    ours = {entry.name for entry in entries if entry.kind == RULES}
    config = PanosConfig(entries, place=_standing(order, ours))
    found = PanosReading(config, (), order, rules, objects, before)
    first = next((index for index, name in enumerate(order) if name in ours), 0)
    neighbours = (*found.judged_before(config), *found.judging(order[:first], config))
    return replace(found, neighbours=neighbours)


def _before(
    container: ET.Element | None, around: Sequence[ET.Element], location: Location
) -> Iterator[tuple[str, ET.Element]]:
    """Yield the rules that a device group's firewalls judge before those in our rulebase.

    From the outside in; between ``pre`` and ``post`` a firewall has its own, which Panorama does
    not know.
    """
    if location.group is None:
        return
    own = [container] if container is not None and location.rulebase != "pre-rulebase" else []
    for place in (*reversed(around), *own):
        name = place.get("name", place.tag)
        for rule in place.iterfind(f"{_PRE}/entry"):
            yield f"{name}: {_PRE}", rule


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
