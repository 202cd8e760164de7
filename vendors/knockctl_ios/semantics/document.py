"""The configuration that packets meet, found by the names its lines give.

Everything is taken from normal forms: numbers and padding are gone, protocols and ports have one
name each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from ipaddress import IPv4Address

from knockctl_ios.config import normal
from knockctl_ios.config.records import owned
from knockctl_ios.config.syntax import Line

ENVIRONMENT = "event manager environment "
LOGGING = "policy-map type logging "
Bound = Mapping[tuple[str, int], str]
"""Access lists that judge what comes in, by interface and IP version."""


class Texts(Mapping[str, tuple[str, ...]]):
    """The entries of access lists by their names, put into normal form once somebody asks."""

    def __init__(self, known: Mapping[str, Callable[[], tuple[str, ...]]]) -> None:
        """Take what reads each list."""
        self._known = known
        self._read: dict[str, tuple[str, ...]] = {}

    def __getitem__(self, name: str) -> tuple[str, ...]:
        if name not in self._read:
            self._read[name] = self._known[name]()
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@dataclass
class Document:
    """The lines of a running configuration, or of ours alone.

    A line is put into normal form once somebody asks for it: of long lists nobody may.
    """

    raw: tuple[Line, ...]
    whole: bool = False
    """Whether nothing else runs."""
    told: tuple[tuple[str, str], ...] = ()
    """Interfaces and their access lists, where the lines themselves don't say."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The texts of scripts, as far as they are known."""
    _known: dict[str, Line] = field(default_factory=dict, init=False, repr=False)
    _owned: dict[str, tuple[bool, ...]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def _heads(self) -> Mapping[str, list[Line]]:
        """What is below each line of the top, that of several places joined."""
        joined: dict[str, list[Line]] = {}
        for raw in self.raw:
            text, below = _numbered(raw)
            known = joined.get(text)
            if known is None:
                joined[text] = list(below)
            else:
                known.extend(below)
        return joined

    def _line(self, head: str) -> Line:
        if head not in self._known:
            self._known[head] = normal.line(Line(head, tuple(self._heads[head])))
        return self._known[head]

    def _starting(self, prefix: str) -> Iterator[Line]:
        return (self._line(head) for head in self._heads if head.startswith(prefix))

    def _named(self, prefix: str) -> Iterator[tuple[str, Line]]:
        for line in self._starting(prefix):
            yield line.text.removeprefix(prefix), line

    @property
    def tops(self) -> Iterable[str]:
        """The lines of the top, as they are."""
        return self._heads

    # --- what is named ---

    @cached_property
    def access_lists(self) -> Mapping[str, tuple[str, ...]]:
        """The entries of each list of IPv4, without remarks; of a standard one as if extended."""
        standard = self._lists("ip access-list standard ", _extended)
        return Texts(standard | self._lists("ip access-list extended "))

    @cached_property
    def access_lists_6(self) -> Mapping[str, tuple[str, ...]]:
        """The same for IPv6."""
        return Texts(self._lists("ipv6 access-list "))

    def _lists(
        self, prefix: str, form: Callable[[str], str] = str
    ) -> dict[str, Callable[[], tuple[str, ...]]]:
        heads = [head for head in self._heads if head.startswith(prefix)]
        return {h.removeprefix(prefix): partial(self._entries, h, form) for h in heads}

    def _entries(self, head: str, form: Callable[[str], str]) -> tuple[str, ...]:
        texts = self._texts(head)
        return tuple([form(text) for text in texts if text[:6] != "remark"])

    def _texts(self, head: str) -> list[str]:
        """Return the entries of a list in normal form, remarks included."""
        return [normal.entry(line.text).text for line in self._heads[head]]

    def owned(self, name: str) -> tuple[bool, ...]:
        """Tell of each entry of an extended list whether it is ours."""
        head = f"ip access-list extended {name}"
        if head not in self._heads:
            return ()
        if name not in self._owned:
            texts = self._texts(head)
            marked = zip(texts, owned(texts), strict=True)
            self._owned[name] = tuple([ours for text, ours in marked if text[:6] != "remark"])
        return self._owned[name]

    def groups(self, kind: str) -> Mapping[str, tuple[str, ...]]:
        """Return the members of object groups of a kind: ``service`` or ``network``."""
        return {
            name: tuple(m.text for m in line.below if not m.text.startswith("description"))
            for name, line in self._named(f"object-group {kind} ")
        }

    @cached_property
    def class_maps(self) -> Mapping[str, tuple[str, tuple[str, ...]]]:
        """``match-all`` or ``match-any``, and what is matched; logging classes among them."""
        found = {}
        for text, line in self._named("class-map "):
            *_, how, name = text.split()
            matches = (m.text for m in line.below if m.text.startswith("match "))
            found[name] = how, tuple(m.removeprefix("match ") for m in matches)
        return found

    @cached_property
    def policy_maps(self) -> Mapping[str, tuple[Line, ...]]:
        """The classes of each policy, in their order; logging policies among them."""
        return {
            text.split()[-1]: tuple(c for c in line.below if c.text.startswith("class "))
            for text, line in self._named("policy-map ")
        }

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """What applets find under names of the environment."""
        found = (text.partition(" ") for text, _ in self._named(ENVIRONMENT))
        return {name: value.strip() for name, _, value in found}

    @cached_property
    def applets(self) -> tuple[Line, ...]:
        """The applets, whole."""
        return tuple(line for _, line in self._named("event manager applet "))

    @cached_property
    def scripts(self) -> tuple[str, ...]:
        """The files of registered Tcl policies."""
        return tuple(text.split()[0] for text, _ in self._named("event manager policy "))

    @cached_property
    def addresses(self) -> tuple[IPv4Address, ...]:
        """The router's own addresses of IPv4, as far as its lines say."""
        found = (one for line in self.interfaces.values() for one in _addresses(line))
        return tuple(dict.fromkeys(found))

    def address(self, interface: str) -> IPv4Address | None:
        """Return an interface's address; None where its lines don't say it."""
        line = self.interfaces.get(interface)
        return next(_addresses(line), None) if line else None

    @cached_property
    def interfaces(self) -> Mapping[str, Line]:
        """Every interface."""
        return dict(self._named("interface "))

    @cached_property
    def planes(self) -> Mapping[str, Line]:
        """The control plane, and the part of it that packets for the router itself meet."""
        known = ("control-plane", "control-plane host")
        return {line.text: line for line in self._starting("control-plane") if line.text in known}

    @cached_property
    def terminals(self) -> Mapping[str, Line]:
        """The lines that people log in by."""
        return {line.text: line for line in self._starting("line vty ")}

    @cached_property
    def nightly(self) -> Mapping[str, tuple[Line, ...]]:
        """Lists of commands that are run at set times."""
        return {line.text: line.below for line in self._starting("kron policy-list ")}

    @cached_property
    def shells(self) -> tuple[int, ...]:
        """More ports that SSH is served on."""
        found = (text.split()[3] for text in self.starting("ip ssh port "))
        return tuple(int(word) for word in found if word.isdigit())

    def inspects(self, name: str) -> bool:
        """Tell whether a rule of inspection is about the router's own flows, too."""
        found = self.starting(f"ip inspect name {name} ")
        return any("router-traffic" in text.split() for text in found)

    def starting(self, prefix: str) -> Iterator[str]:
        """Yield the lines of the top that begin so."""
        return (line.text for line in self._starting(prefix))

    def says(self, prefix: str) -> bool:
        """Tell whether a line of the top begins so."""
        return any(self.starting(prefix))

    # --- where it acts ---

    @cached_property
    def bound(self) -> Bound:
        """What judges packets that come in, by interface."""
        found = {(interface, 4): name for interface, name in self.told}
        for interface, line in self.interfaces.items():
            for child in line.below:
                said = child.text.split()
                if said[:3] == ["ip", "access-group", "common"]:
                    # The list behind the common one.
                    said[2:4] = []
                for words, family in ((["ip", "access-group"], 4), (["ipv6", "traffic-filter"], 6)):
                    if said[:2] == words and said[3:4] == ["in"]:
                        found[interface, family] = said[2]
        for (interface, family), name in list(found.items()):
            if family == 4 and name in self.access_lists_6:
                # A binding that was told doesn't say of which IP version the list is.
                del found[interface, 4]
                found[interface, 6] = name
        return found

    def policies(self, *, logging: bool) -> tuple[tuple[str, tuple[Line, ...]], ...]:
        """Return the input policies of the control plane: aggregate and ``host``.

        Of ours alone, policies that hold our classes but are bound by somebody else count as
        bound.
        """
        kind = (
            ["service-policy", "type", "logging", "input"]
            if logging
            else [
                "service-policy",
                "input",
            ]
        )
        found = {}
        for place, line in sorted(self.planes.items()):
            said = [child.text.split() for child in line.below]
            found[place] = next((w[-1] for w in said if w[:-1] == kind), "")
        names = [name for name in found.values() if name]
        if not names and not self.whole:
            heads = (line.text for line in self._starting("policy-map "))
            names = [t.split()[-1] for t in heads if t.startswith(LOGGING) is logging]
        return tuple((name, self.policy_maps.get(name, ())) for name in names)


def _addresses(line: Line) -> Iterator[IPv4Address]:
    for child in line.below:
        said = child.text.split()
        if said[:2] == ["ip", "address"] and len(said) > 3 and said[2].count(".") == 3:
            yield IPv4Address(said[2])


_STANDARD = (range(1, 100), range(1300, 2000))
"""Numbers of lists that ask for the source alone."""


def _extended(text: str) -> str:
    """Return an entry of a standard list as one of an extended list."""
    action, *said = text.split()
    logs = [word for word in said if word == "log"]
    source = [word for word in said if word not in ("log", "host")]
    if len(source) == 1 and source != ["any"]:
        source = ["host", *source]
    return " ".join([action, "ip", *source, "any", *logs])


def _numbered(line: Line) -> tuple[str, Iterable[Line]]:
    """Read a line of a numbered list, ``access-list 101 permit …``, as one of a named list."""
    said = line.text.split(None, 2)
    if said[0] == "access-list" and len(said) == 3 and said[1].isdigit():
        kind = "standard" if any(int(said[1]) in some for some in _STANDARD) else "extended"
        return f"ip access-list {kind} {said[1]}", (Line(said[2]),)
    return normal.plain(line.text) if not line.text.startswith(ENVIRONMENT) else line.text, (
        line.below
    )
