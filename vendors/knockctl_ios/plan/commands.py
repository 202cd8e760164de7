"""The file of a change: its commands in stages, so that every line is accepted.

============  =====================================================================
stage         what it does
============  =====================================================================
shared        adds lines that everybody needs
freed         takes applets away that change, and dynamic lists that move
made          makes and changes objects, what is named before what names it
lists         changes our entries in others' access lists
bound         binds: classes in policy maps, the control plane, interfaces
gone          takes objects away, what names before what is named
last          variables, applets, the mark
============  =====================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from knockctl_ios.config.records import BEARER, ENVIRONMENT, key
from knockctl_ios.config.syntax import Line
from knockctl_ios.plan.numbering import Edit

_MADE = ("object-group", "ip access-list", "ipv6 access-list", "class-map", "policy-map")
_APPLET = "event manager applet "
_POLICY = "event manager policy "
_BINDS = ("policy-map", "control-plane", "interface")


class Commands:
    """Collects commands by their stage, and writes them in order."""

    def __init__(self) -> None:
        """Begin with none."""
        self.shared: list[str] = []
        self._freed: list[str] = []
        self._made: dict[str, list[str]] = {kind: [] for kind in _MADE}
        self._lists: list[str] = []
        self._bound: dict[str, list[str]] = {kind: [] for kind in _BINDS}
        self._gone: dict[str, list[str]] = {kind: [] for kind in _MADE}
        self._last: list[str] = []
        self._renumber: list[str] = []

    def text(self, mark: str | None) -> str:
        """Return the file: every command from the top, ``end`` last."""
        lines = [*self.shared, *self._freed]
        lines += [line for kind in _MADE for line in self._made[kind]]
        lines += [*self._lists, *(line for kind in _BINDS for line in self._bound[kind])]
        lines += [line for kind in reversed(_MADE) for line in self._gone[kind]]
        lines += [*self._last, *self._renumber]
        lines.append(f"{BEARER} {mark}" if mark else f"no {BEARER}")
        return "".join(f"{line}\n" for line in (*lines, "end"))

    # --- objects ---

    def create(self, line: Line) -> None:
        """Make an object that is not there."""
        if line.text.startswith((ENVIRONMENT, _APPLET, _POLICY)):
            self._last += _block(line)
        else:
            self._made[_kind(line.text)] += _block(line)

    def leave(self, text: str) -> None:
        """Take a line of the top away that everybody may use, when ours no longer do."""
        self._last.append(f"no {text}")

    def remove(self, line: Line) -> None:
        """Take an object away."""
        if line.text.startswith((ENVIRONMENT, _APPLET, _POLICY)):
            where = self._last if line.text.startswith(ENVIRONMENT) else self._freed
            where.append(f"no {key(line)}")
        else:
            self._gone[_kind(line.text)].append(f"no {_opener(line.text)}")

    def change(self, old: Line, new: Line) -> None:
        """Make one object another of the same name."""
        if new.text.startswith((_APPLET, _POLICY)):
            # What an applet has under a label that the new one lacks would stay.
            self._freed.append(f"no {key(old)}")
            self.create(new)
        elif new.text.startswith(ENVIRONMENT):
            self.create(new)
        elif new.text.startswith("policy-map "):
            self._made["policy-map"] += [new.text, *_classes(old.below, new.below)]
        else:
            # Additions first: what is in use can't be emptied.
            self._made[_kind(new.text)] += [new.text, *_members(old.below, new.below)]

    # --- inside of others' ---

    def edit(self, parent: str, found: Edit) -> None:
        """Change an access list's entries."""
        name = parent.rpartition(" ")[2]
        own = name.startswith("kc-")
        where = self._made["ip access-list"] if own else self._lists
        gone = [line for line in found.lines if line.startswith("no ")]
        come = [line for line in found.lines if not line.startswith("no ")]
        if gone:
            where += [parent, *(f" {line}" for line in gone)]
        if found.resequence:
            first, step = found.resequence
            where.append(f"ip access-list resequence {name} {first} {step}")
        if come:
            where += [parent, *(f" {line}" for line in come)]
        if found.renumber:
            first, step = found.renumber
            self._renumber.append(f"ip access-list resequence {name} {first} {step}")

    def bind(
        self, parent: str, gone: Sequence[Line], come: Sequence[Line], first: str | None
    ) -> None:
        """Change lines in a policy map, an interface or the control plane."""
        where = next(kind for kind in _BINDS if parent.startswith(kind))
        lines = [f" no {line.text}" for line in gone]
        for line in come:
            before = f" insert-before {first.removeprefix('class ')}" if first else ""
            text, *rest = line.printed()
            lines += [f" {text}{before}", *(f" {one}" for one in rest)]
        if where == "policy-map" and not come:
            # Classes go before the class maps that they name.
            self._gone["policy-map"] += [parent, *lines]
        else:
            self._bound[where] += [parent, *lines]

    def free(self, parent: str, text: str) -> None:
        """Take a dynamic list away before anything else."""
        again = f" no {text}"
        self._freed += [parent, again]
        self._lists = [line for line in self._lists if line != again]


def _block(line: Line) -> list[str]:
    """Return the lines that make an object, indented as the device prints them."""
    return list(line.printed())


def _kind(text: str) -> str:
    return next(kind for kind in _MADE if text.startswith(kind))


def _opener(text: str) -> str:
    """Return what names an object after ``no``."""
    words = text.split()
    return " ".join(word for word in words if word not in ("match-any", "match-all"))


def _members(old: Iterable[Line], new: Iterable[Line]) -> Iterator[str]:
    was, will = list(old), list(new)
    yield from (f" {line.text}" for line in will if line not in was)
    kept = {line.text.split()[0] for line in will}
    for line in was:
        described = line.text.startswith("description ") and "description" in kept
        if line not in will and not described:
            yield f" no {line.text}"


def _classes(old: Sequence[Line], new: Sequence[Line]) -> Iterator[str]:
    """Yield what makes one order of classes another: the same stay up to the first that differs."""
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    for line in old[same:]:
        yield f" no {line.text}"
    for line in new[same:]:
        yield from line.printed(1)
