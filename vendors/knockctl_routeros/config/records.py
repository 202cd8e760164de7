"""A router's configuration as typed rows, in the device's own words and in normal form.

A menu holds rows in order; a row is the words RouterOS would export for it. Two rows are equal
when they mean the same to the router, whichever version or interface printed them.

What is ours begins its comment with ``knockctl:``; our chains and lists begin with ``kc-``. A
comment ends in the row's name, `` #…``, which only tells it from others of the same words: the way
back on the router finds rows by it. Names mean nothing; neither does the mark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from knockctl_routeros.config import normal, syntax

Menu = Literal[
    "/ip firewall address-list",
    "/ip firewall layer7-protocol",
    "/ip firewall filter",
    "/ip firewall raw",
    "/ipv6 firewall address-list",
    "/ipv6 firewall filter",
    "/ipv6 firewall raw",
]
MENUS: tuple[Menu, ...] = get_args(Menu)
"""Every menu we touch, what is referred to before what refers to it."""
Chain = tuple[Menu, str]
RULES = frozenset(menu for menu in MENUS if menu.endswith((" filter", " raw")))
"""Menus whose rows are judged in order, in chains; those of others are members of a set."""
_RANK = {menu: rank for rank, menu in enumerate(MENUS)}

OWN = "knockctl:"
OWN_NAME = "kc-"
JUMP = "knockctl:jump"
OFF = "# jumps turned off by "
"""Begins the line that prints a mark which no jump in force carries."""
SECRET = " secret"  # noqa: S105 - ends the comment of a row whose words came from a reference

_NAME = re.compile(r" #(?P<name>[0-9a-z.]+)$")
_MARKED = re.compile(rf"{re.escape(JUMP)}(?: (?P<mark>\S+))?")


def menu_of(path: str) -> Menu | None:
    """Return the menu of a path such as ``/ip/firewall/filter``; None for one of no concern."""
    name = "/" + " ".join(part for part in re.split(r"[/\s]+", path) if part)
    return next((menu for menu in MENUS if menu == name), None)


@dataclass(frozen=True, slots=True)
class Row:
    """One item of a menu; words sorted by key, every value in its normal form."""

    menu: Menu
    words: tuple[tuple[str, str], ...]
    _map: Mapping[str, str] = field(init=False, repr=False, compare=False)
    ours: bool = field(init=False, repr=False, compare=False)
    """Whether it carries our comment."""
    jump: bool = field(init=False, repr=False, compare=False)
    """Whether it is one of the rules that lead to our chains and carry the mark."""

    def __post_init__(self) -> None:
        """Prepare look-ups: rows are asked and compared thousands of times in a plan."""
        words = dict(self.words)
        object.__setattr__(self, "_map", words)
        comment = words.get("comment", "")
        object.__setattr__(self, "ours", comment.startswith(OWN))
        jump = comment.startswith(JUMP) and self.rule and self._marks is not None
        object.__setattr__(self, "jump", jump)

    @classmethod
    def of(cls, menu: Menu, words: Mapping[str, object]) -> Row:
        """Make a row of words; what only repeats a default, or can't be set, is left out.

        Values may be of the types librouteros makes of them, see ``normal.plain``.
        """
        found = normal.words(words, rule=menu in RULES, ipv6=menu.startswith("/ipv6"))
        return cls(menu, tuple(sorted(found.items())))

    @classmethod
    def said(cls, menu: Menu, words: Iterable[str]) -> Row | None:
        """Make a row of words such as ``chain=input``; None where one is odd, or said twice."""
        rule, ipv6 = menu in RULES, menu.startswith("/ipv6")
        found: list[tuple[str, str]] = []
        for word in words:
            pair = normal.pair(word, rule, ipv6)
            if pair:
                found.append(pair)
            elif pair is not None:
                return None
        row = cls(menu, tuple(sorted(found)))
        if len(row.mapping) < len(found):
            return None
        if rule and "action" not in row.mapping:
            return cls(menu, tuple(sorted((("action", "accept"), *found))))
        return row

    def get(self, key: str, default: str = "") -> str:
        """Return a word's value, without its leading ``!`` being looked at."""
        return self._map.get(key, default)

    @property
    def mapping(self) -> Mapping[str, str]:
        """Its words by key."""
        return self._map

    @property
    def rule(self) -> bool:
        """Tell whether it is judged in order, in a chain."""
        return self.menu in RULES

    @property
    def off(self) -> bool:
        """Tell whether it is disabled: what a change has not turned on yet, or has turned off."""
        return self.get("disabled") == "yes"

    @property
    def name(self) -> str:
        """What tells it from other rows of ours; an empty text for none."""
        comment = self.get("comment")
        match = _NAME.search(comment) if " #" in comment and self.ours else None
        return match["name"] if match else ""

    def named(self, name: str) -> Row:
        """Return the same row of ours under this name; an empty text for none."""
        comment = self.get("comment")
        if not name and " #" not in comment:
            return self
        comment = _NAME.sub("", comment)
        if not self.ours or not name:
            return self if comment == self.get("comment") else self._with(comment)
        return self._with(f"{comment} #{name}")

    def apart(self, name: str) -> tuple[Row, str]:
        """Return the same row without a name, and that, unless it is given one."""
        if " #" not in self.get("comment"):
            return self, name
        return self.named(""), name or self.name

    @property
    def mark(self) -> str:
        """The change a jump names; an empty text for none, and for other rows."""
        match = self._marks if self.jump else None
        return (match["mark"] or "") if match else ""

    def marked(self, mark: str | None) -> Row:
        """Return the same jump with this mark; any other row as it is."""
        if not self.jump:
            return self
        return self._with(f"{JUMP} {mark}" if mark else JUMP).named(self.name)

    @property
    def _marks(self) -> re.Match[str] | None:
        return _MARKED.fullmatch(_NAME.sub("", self.get("comment")))

    def _with(self, comment: str) -> Row:
        words = ((key, comment if key == "comment" else value) for key, value in self.words)
        return Row(self.menu, tuple(words))

    def parts(self) -> tuple[str, ...]:
        """Return the command that adds it, word by word, quoted where needed."""
        return ("add", *(f"{key}={syntax.quoted(value)}" for key, value in self.words))

    def text(self) -> str:
        """Print as ``/export`` does, over several lines where it is long."""
        return syntax.line(*self.parts())

    def secrets(self) -> Iterator[str]:
        """Yield the words that came from a secret reference, as its comment tells."""
        if not (self.ours and self.named("").get("comment").endswith(SECRET)):
            return
        yield from (run for run in self.get("dst-port").removeprefix("!").split(",") if run)
        for key in ("content", "regexp"):
            value = self.get(key)
            if value:
                yield from (value, syntax.escaped(value))


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """What of a router's firewall is ours.

    Rows are kept in one order that means the same: rules as they are judged in their chain,
    own chains before those that jump to them, rows of other menus by the alphabet.
    """

    rows: tuple[Row, ...] = ()
    """As printed, but for names, and for the mark unless jumps carry different ones."""
    revision: str | None = None
    """The mark on every jump; or, while our jumps are turned off, the one they had."""
    secret_words: frozenset[str] = field(default=frozenset(), compare=False)
    """More to be masked than the rows show, such as a passphrase before it was escaped."""
    names: tuple[str, ...] = field(default=(), compare=False)
    """Of each row; taken from their comments, or given with nameless rows."""
    place: int | None = field(default=None, compare=False)
    """Which rule of its chain our jump is to be, from 1; None: above all that may accept."""
    stood: Mapping[Chain, int] = field(default_factory=dict, compare=False)
    """Of a config that was read: which rule of its chain each jump was. Goes before ``place``."""

    def __post_init__(self) -> None:
        given = self.names or ("",) * len(self.rows)
        named = [row.apart(name) for row, name in zip(self.rows, given, strict=True)]
        rules = [one for one in named if one[0].rule]
        others = dict(one for one in reversed(named) if not one[0].rule)
        marks = {row.mark for row, _ in rules if row.jump}
        if self.revision or len(marks) == 1:
            # What is asked for counts: this is how a mark is changed.
            object.__setattr__(self, "revision", self.revision or marks.pop() or None)
            rules = [(row.marked(None), name) for row, name in rules]
        found = sorted((*others.items(), *rules), key=_place)
        object.__setattr__(self, "names", tuple(name for _, name in found))
        object.__setattr__(self, "rows", tuple(row for row, _ in found))

    @property
    def empty(self) -> bool:
        """Tell whether nothing of ours is there."""
        return not self.rows

    def menu(self, menu: Menu) -> tuple[Row, ...]:
        """Return the rows of one menu."""
        return tuple(row for row in self.rows if row.menu == menu)

    def chain(self, menu: Menu, chain: str) -> tuple[Row, ...]:
        """Return the rules of one chain, in the order they are judged."""
        return tuple(row for row in self.menu(menu) if row.get("chain") == chain)

    def place_in(self, chain: Chain) -> int | None:
        """Return which rule of a chain our jump is to be, from 1; None as for ``place``."""
        return self.stood.get(chain, self.place)

    def same(self, other: RouterConfig) -> bool:
        """Tell whether both mean the same; marks mean nothing."""
        return self.marked(None) == other.marked(None)

    def marked(self, revision: str | None) -> RouterConfig:
        """Return the same with this mark on every jump."""
        return replace(self, rows=tuple(row.marked(None) for row in self.rows), revision=revision)

    def device_rows(self) -> tuple[Row, ...]:
        """Return the rows as they stand on the device: named, the mark on every jump."""
        named = (row.named(name) for row, name in zip(self.rows, self.names, strict=True))
        return tuple(row.marked(self.revision) if self.revision else row for row in named)

    def text(self) -> str:
        """Print as ``/export`` would, with the mark, without names: equal texts, equal configs."""
        lines: list[str] = []
        if self.revision and not any(row.jump for row in self.rows):
            lines.append(f"{OFF}{self.revision}")
        menu = None
        for row in (row.named("") for row in self.device_rows()):
            if row.menu != menu:
                menu = row.menu
                lines.append(menu)
            lines.append(row.text())
        return "".join(f"{line}\n" for line in lines)

    def secrets(self) -> frozenset[str]:
        """Return the words that rows marked as secret hold, raw and as they are printed."""
        return self.secret_words.union(*(row.secrets() for row in self.rows))

    def dump(self) -> str:
        """Return a lossless form for sealed snapshots; ``load`` reads it back."""
        return json.dumps(
            {
                "rows": [[row.menu, dict(row.words)] for row in self.device_rows()],
                "revision": self.revision,
                "secret_words": sorted(self.secret_words),
                "place": self.place,
                "stood": [[*chain, place] for chain, place in self.stood.items()],
            },
            sort_keys=True,
        )


def load(dump: str) -> RouterConfig:
    """Read back what ``RouterConfig.dump`` wrote."""
    data = json.loads(dump)
    return RouterConfig(
        tuple(Row.of(menu, words) for menu, words in data["rows"]),
        data["revision"],
        frozenset(data["secret_words"]),
        place=data["place"],
        stood={(menu, chain): place for menu, chain, place in data.get("stood", ())},
    )


def own(rows: Iterable[Row]) -> RouterConfig:
    """Return the config that the rows of ours among these make; disabled ones do nothing."""
    ours = [row for row in rows if row.ours]
    marks = {row.mark for row in ours if row.jump and row.off and row.mark}
    on = tuple(row for row in ours if not row.off)
    jumps = any(row.jump for row in on)
    return RouterConfig(on, None if jumps or len(marks) != 1 else marks.pop())


def _place(named: tuple[Row, str]) -> tuple[int, bool, str, tuple[tuple[str, str], ...]]:
    """Sort key of a row and its name: rules keep their order in a chain, as sorting is stable."""
    row, _ = named
    chain = row.get("chain")
    words = () if row.rule else row.words
    return _RANK[row.menu], not chain.startswith(OWN_NAME), chain, words
