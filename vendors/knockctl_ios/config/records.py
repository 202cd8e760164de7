"""What of a router's configuration is ours, in the device's own words and in normal form.

Two configs are equal when they mean the same to the router, whichever version printed them.

What is ours whole has a name that begins with ``kc-``, an environment variable one that begins
with ``_kc_``. Inside of what is somebody else's, ours are: a class ``kc-…`` of a policy map; a
line that binds an object of ours to an interface or the control plane; in an access list an entry
that names something ``kc-…``, remarks that begin with ``knockctl``, and what stands between such
a remark that says ``begin`` and the next one that says ``end``. The environment variable
``_kc_revision`` is the mark: it names the change that wrote what is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from knockctl_ios.config import files, normal, syntax
from knockctl_ios.config.files import File
from knockctl_ios.config.syntax import Line

OWN_NAME = "kc-"
OWN_VARIABLE = "_kc_"
ENVIRONMENT = "event manager environment "
BEARER = f"{ENVIRONMENT}_kc_revision"
BEGIN, END = "remark knockctl begin", "remark knockctl end"
SECRET = " secret"  # noqa: S105 - ends what an object says of itself, if it came from a reference
BOUND = "! bound to "
"""Begins the lines of ``IosConfig.text`` that tell where an access list acts; to the router a
comment, as the binding itself is not ours."""

_OWN_REMARK = "remark knockctl"
_LISTS = ("ip access-list ", "ipv6 access-list ")
_NAMED = (
    *("object-group service ", "object-group network "),
    *("ip access-list extended ", "ip access-list standard ", "ipv6 access-list "),
    *("class-map ", "policy-map ", "event manager applet ", "event manager policy "),
)
# In this order everything stands before what names it.
_ORDER = ("object-group", "ip access-list", "ipv6 access-list", "class-map", "policy-map")
_LAST = ("interface", "control-plane", "event manager environment", "event manager applet")
_PORTS = re.compile(r"\b(?:eq|neq|range|lt|gt)((?: \d+)+)")
_MATCHED = re.compile(r"\\\(\(?(\d[\d|]*)\)?\\\)")

Position = Literal["first", "last"] | int
"""Where our entries go in somebody else's access list; a number: before the entry that has it."""


@dataclass(frozen=True, slots=True)
class Insert:
    """A line of ours inside of something that is somebody else's."""

    parent: str
    """What it is below, such as ``ip access-list extended OUTSIDE``."""
    line: Line
    number: int = field(default=0, compare=False)
    """Of an access list's entry, as the device counts; 0: not told."""


@dataclass(frozen=True, slots=True)
class IosConfig:
    """What is ours: objects whole, and lines inside of others'.

    Kept in one order that means the same: objects by their kinds and names, lines by what they
    are below, among themselves as they stand there.
    """

    objects: tuple[Line, ...] = ()
    inserts: tuple[Insert, ...] = ()
    revision: str | None = None
    """The mark."""
    bound: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """Interfaces, and the access lists with lines of ours that judge what comes in by them."""
    needs: tuple[str, ...] = field(default=(), compare=False)
    """Lines that everybody shares, such as ``service sequence-numbers``: added where they are
    missing, never taken away."""
    files: tuple[File, ...] = ()
    """Scripts on flash that objects name."""
    place: tuple[tuple[str, Position], ...] = field(default=(), compare=False)
    """For parents in which order counts, where lines of ours are to go."""
    secret_words: frozenset[str] = field(default=frozenset(), compare=False)
    """More to be masked than the lines show."""

    def __post_init__(self) -> None:
        found = {key(one): one for one in (normal.line(line) for line in self.objects)}
        marks = [one.text.removeprefix(BEARER).strip() for one in found.values() if _bears(one)]
        object.__setattr__(self, "revision", self.revision or next(iter(marks), None) or None)
        kept = (one for one in found.values() if not _bears(one))
        object.__setattr__(self, "objects", tuple(sorted(kept, key=_rank)))
        inserts = (replace(one, line=_normal(one)) for one in self.inserts)
        ordered = sorted(inserts, key=lambda one: _rank(Line(one.parent)))
        object.__setattr__(self, "inserts", tuple(_alphabetic(ordered)))
        object.__setattr__(self, "files", tuple(sorted(self.files, key=lambda one: one.name)))

    @property
    def empty(self) -> bool:
        """Tell whether nothing of ours is there."""
        return not (self.objects or self.inserts or self.files or self.revision)

    def same(self, other: IosConfig) -> bool:
        """Tell whether both mean the same; marks mean nothing."""
        mine, theirs = ((one.objects, one.inserts, one.files) for one in (self, other))
        return mine == theirs

    def marked(self, revision: str | None) -> IosConfig:
        """Return the same with this mark."""
        return replace(self, revision=revision)

    def get(self, name: str) -> Line | None:
        """Return the object whose first line, normal and without options, is this."""
        return next((one for one in self.objects if key(one) == name), None)

    def within(self, parent: str) -> tuple[Insert, ...]:
        """Return our lines below one parent, in their order."""
        return tuple(one for one in self.inserts if one.parent == parent)

    @property
    def parents(self) -> tuple[str, ...]:
        """What our lines stand in that is somebody else's."""
        return tuple(dict.fromkeys(one.parent for one in self.inserts))

    def lines(self) -> tuple[Line, ...]:
        """Return all of it as the device has it, what is named before what names it."""
        mark = [Line(f"{BEARER} {self.revision}")] if self.revision else []
        inside = [Line(p, tuple(one.line for one in self.within(p))) for p in self.parents]
        return tuple(sorted([*self.objects, *inside, *mark], key=_rank))

    def text(self) -> str:
        """Print as configuration, with the mark: equal texts, equal configs."""
        bound = "".join(f"{BOUND}{one}: {name}\n" for one, name in self.bound)
        return bound + syntax.written(self.lines()) + files.written(self.files)

    def secrets(self) -> frozenset[str]:
        """Return the words that lines marked as secret hold."""
        inside = [Line(p, tuple(one.line for one in self.within(p))) for p in self.parents]
        found = (word for one in (*self.objects, *inside) for word in _secrets(one))
        return self.secret_words.union(found, (w for one in self.files for w in one.secrets()))

    def dump(self) -> str:
        """Return a lossless form for sealed snapshots; ``load`` reads it back."""
        return json.dumps(
            {
                "objects": syntax.written(self.objects),
                "inserts": [[i.parent, syntax.written([i.line]), i.number] for i in self.inserts],
                "revision": self.revision,
                "bound": self.bound,
                "needs": self.needs,
                "files": [[one.name, one.text] for one in self.files],
                "place": self.place,
                "secret_words": sorted(self.secret_words),
            },
            sort_keys=True,
        )


def load(dump: str) -> IosConfig:
    """Read back what ``IosConfig.dump`` wrote."""
    data = json.loads(dump)
    inserts = (Insert(parent, _one(text), number) for parent, text, number in data["inserts"])
    return IosConfig(
        syntax.read(data["objects"]),
        tuple(inserts),
        data["revision"],
        bound=tuple((one, name) for one, name in data["bound"]),
        needs=tuple(data["needs"]),
        # Snapshots from before there were scripts have none.
        files=tuple(File(name, text) for name, text in data.get("files", ())),
        place=tuple((parent, at) for parent, at in data["place"]),
        secret_words=frozenset(data["secret_words"]),
    )


def _one(text: str) -> Line:
    """Read one line and what is below it; indented, so that any line may stand at the top."""
    first, *rest = text.splitlines()
    return Line(first, tuple(Line(one.strip()) for one in rest))


# --- what is ours -------------------------------------------------------------------------------


def key(line: Line) -> str:
    """Return what a line of the top configures: without options, for a variable its name."""
    if line.text.startswith(ENVIRONMENT):
        return " ".join(line.text.split()[:4])
    if line.text.startswith(("event manager applet ", "event manager policy ")):
        return " ".join(line.text.split()[:4])
    return line.text


def ours(line: Line) -> bool:
    """Tell whether a line of the top is ours with all below it."""
    if line.text.startswith(ENVIRONMENT):
        return line.text.removeprefix(ENVIRONMENT).startswith(OWN_VARIABLE)
    named = line.text.startswith(_NAMED)
    return named and any(word.startswith(OWN_NAME) for word in key(line).split())


def own(lines: Iterable[Line]) -> IosConfig:
    """Return the config that what is ours among these makes, and where it acts."""
    objects: list[Line] = []
    inserts: list[Insert] = []
    bound: list[tuple[str, str]] = []
    for raw in lines:
        if not _concerns(raw):
            continue
        if raw.text.startswith(_LISTS) and not ours(Line(normal.plain(raw.text))):
            inserts += _entries(raw)
            continue
        line = normal.line(raw)
        if ours(line):
            objects.append(line)
            continue
        inserts += _inserts(line)
        bound += _bound(line)
    mine = {one.text for one in objects} | {one.parent for one in inserts}
    named = {name.split()[-1] for name in mine if name.startswith(_LISTS)}
    kept = tuple((interface, name) for interface, name in bound if name in named)
    return IosConfig(tuple(objects), tuple(inserts), bound=kept)


def _concerns(raw: Line) -> bool:
    """Tell at a glance whether anything of ours may be in it, or it tells where ours acts."""
    if raw.text.startswith(("interface ", "control-plane")):
        return True
    if not raw.text.startswith((*_NAMED, ENVIRONMENT)):
        return False
    mine = (OWN_NAME, OWN_VARIABLE, "knockctl")
    said = "\n".join([raw.text, *(one.text for one in raw.below)])
    return any(word in said for word in mine)


def _inserts(line: Line) -> Iterator[Insert]:
    if line.text.startswith(("policy-map ", "interface ", "control-plane")):
        for child in line.below:
            if _names_ours(child.text):
                yield Insert(line.text, child)


def _entries(raw: Line) -> Iterator[Insert]:
    entries = [normal.entry(child.text) for child in raw.below]
    parent = normal.plain(raw.text)
    for mine, entry in zip(owned([e.text for e in entries]), entries, strict=True):
        if mine:
            yield Insert(parent, Line(entry.text), entry.number)


def owned(listed: Sequence[str]) -> Sequence[bool]:
    """Tell of each entry of an access list, remarks included, whether it is ours."""
    found = [False] * len(listed)
    marks = [at for at, text in enumerate(listed) if OWN_NAME in text or "knockctl" in text]
    for at in marks:
        text = listed[at]
        if text.startswith(BEGIN):
            # Without an end, nothing but names tells how far it goes.
            following = [one for one in marks if one > at and listed[one].startswith((BEGIN, END))]
            if following and listed[following[0]].startswith(END):
                found[at : following[0]] = [True] * (following[0] - at)
        if text.startswith(_OWN_REMARK) or _names_ours(text):
            found[at] = True
    return found


def _names_ours(text: str) -> bool:
    words = text.split()
    return words[:1] != ["remark"] and any(word.startswith(OWN_NAME) for word in words)


def _bound(line: Line) -> Iterator[tuple[str, str]]:
    if line.text.startswith("interface "):
        for child in line.below:
            words = child.text.split()
            binds = words[:2] in (["ip", "access-group"], ["ipv6", "traffic-filter"])
            if binds and words[3:4] == ["in"]:
                yield line.text.split(None, 1)[1], words[2]


def _normal(insert: Insert) -> Line:
    if insert.parent.startswith(_LISTS):
        return Line(normal.entry(insert.line.text).text)
    return normal.line(insert.line)


def _bears(line: Line) -> bool:
    return line.text.split()[:4] == BEARER.split()


def _rank(line: Line) -> tuple[int, str]:
    kinds = (*_ORDER, *_LAST)
    place = next((n for n, kind in enumerate(kinds) if line.text.startswith(kind)), len(kinds))
    return place, key(line)


def _alphabetic(inserts: Iterable[Insert]) -> Iterator[Insert]:
    """Yield them with lines in an order that counts as they stand, others by the alphabet."""
    found: dict[str, list[Insert]] = {}
    for one in inserts:
        found.setdefault(one.parent, []).append(one)
    for parent, lines in found.items():
        counts = parent.startswith((*_LISTS, "policy-map "))
        yield from lines if counts else sorted(lines, key=lambda one: one.line.text)


# --- secrets ------------------------------------------------------------------------------------


def _secrets(line: Line) -> Iterator[str]:
    """Yield what a line and those below it hold, if one of them says it is secret."""
    if line.text.startswith(ENVIRONMENT):
        name, _, value = line.text.removeprefix(ENVIRONMENT).partition(" ")
        if name.endswith("_secret"):
            yield from value.split()
        return
    secret = False
    whole = any(child.text.startswith("description ") and _says(child) for child in line.below)
    for child in line.below:
        if child.text.startswith("remark "):
            secret = _says(child)
        if secret or whole:
            yield from _numbers(child.text)


def _says(line: Line) -> bool:
    return line.text.endswith(SECRET)


def _numbers(text: str) -> Iterator[str]:
    """Yield the ports of an entry, or those that an applet looks for in a log's line."""
    if not text.startswith(("action ", "event ")):
        for run in _PORTS.findall(text):
            yield from run.split()
    for run in _MATCHED.findall(text):
        yield from (word for word in run.split("|") if word)
