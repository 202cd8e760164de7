"""What others changed on a router while a change of ours was pending.

The revert timer begins with a copy of the whole configuration, and takes back everything that
changed since. Compared are that copy and what runs, both without what is ours, in normal form.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from knockctl_ios.config import normal, syntax
from knockctl_ios.config.records import ours, own
from knockctl_ios.config.syntax import Line
from knockctl_ios.driver.refusals import MASK

SHOWN = 8
"""Lines that are told of; of more, how many."""
_SHARED = (
    *("service sequence-numbers", "event manager session cli username "),
    "event manager directory user policy ",
)
"""Lines that we add where they are missing, and leave there."""
_RESTLESS = ("file prompt quiet", "ntp clock-period ", "control-plane")
"""Lines that come and go without anybody's meaning it, or of which only what is below counts."""
_ORDERED = (*("ip access-list ", "ipv6 access-list "), "policy-map ", "route-map ")
_SECRET = re.compile(
    r"^(.*?(?:\b|[-_])(?:password|passwd|passphrase|secret|keys?|key-string|key-hash|community|psk"
    r"|auth|authentication|priv|md5|sha|pin|token)[ :=]+)\S.*$",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"^((?:no )?(?:event manager environment \S+|snmp-server (?:community|host|user)) ).*"
)
_LOGIN = re.compile(r"://[^/@\s]*@")
_HEX = re.compile(r"\b[0-9A-F]{16,}\b", re.IGNORECASE)

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    """Others' lines that came, went, or stand in another order; without secrets."""

    lines: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.lines)

    def __str__(self) -> str:
        """Print the first of them in one line."""
        more = len(self.lines) - SHOWN
        said = [*self.lines[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
        return "; ".join(said)


def foreign(
    before: Iterable[Line], now: Iterable[Line], mine: Collection[str] = frozenset()
) -> Foreign:
    """Return what of others' differs between two configurations.

    ``mine``: lines that are nobody else's, wherever they stand (see ``said_by``).
    """
    old, new = list(_others(before)), list(_others(now))
    was, will = (Counter(p for p in _paths(one) if p[-1] not in mine) for one in (old, new))
    come = [f"+ {_said(path)}" for path in _once(_paths(new), will - was)]
    gone = [f"- {_said(path)}" for path in _once(_paths(old), was - will)]
    heads = {line.text: line for line in old if line.text.startswith(_ORDERED)}
    moved = (line.text for line in new if line.text in heads and _moved(heads[line.text], line))
    return Foreign((*come, *gone, *(f"~ {text}: in another order" for text in moved)))


def said_by(file: str) -> frozenset[str]:
    """Return the lines that the file of a change brings or takes away, in normal form.

    Where only a part of it was carried out, they may stand outside the remarks that mark ours.
    """
    found: set[str] = set()
    for head in syntax.read(file):
        bare = tuple(Line(child.text.removeprefix("no "), child.below) for child in head.below)
        found |= {child.text for child in normal.line(Line(head.text, bare)).below}
    return frozenset(found)


def _once(paths: Iterable[Path], left: Counter[Path]) -> Iterator[Path]:
    """Yield paths as they stand, each as often as it is counted."""
    for path in paths:
        if left[path] > 0:
            left[path] -= 1
            yield path


def _moved(old: Line, new: Line) -> bool:
    """Tell whether what both have stands in another order."""
    kept = Counter(old.below) & Counter(new.below)
    mine, theirs = ([child for child in one.below if child in kept] for one in (old, new))
    return mine != theirs


def _others(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield a configuration in normal form without what is ours."""
    for raw in lines:
        line = normal.line(raw)
        if ours(line):
            continue
        mine = Counter(one.line for one in own([raw]).inserts)
        if mine:
            below = []
            for child in line.below:
                if mine[child] > 0:
                    mine[child] -= 1
                else:
                    below.append(child)
            line = Line(line.text, tuple(below))
        yield line


def _paths(lines: Iterable[Line], above: Path = ()) -> Iterator[Path]:
    for line in lines:
        path = (*above, line.text)
        if above or not line.text.startswith((*_SHARED, *_RESTLESS)):
            yield path
        yield from _paths(line.below, path)


def _said(path: Path) -> str:
    """Print a line with what it is below, and without what it may hold of secrets."""
    if path[0].startswith("crypto pki certificate") and len(path) > 1:
        return f"{path[0]}: {MASK}"
    return ": ".join(unsecret(text) for text in path)


def unsecret(text: str) -> str:
    """Mask whatever of a line of configuration may be a secret; rather too much than too little."""
    text = _WHOLE.sub(rf"\1{MASK}", _LOGIN.sub(f"://{MASK}@", text))
    return _HEX.sub(MASK, _SECRET.sub(rf"\1{MASK}", text))


# --- whose, where nobody was looking -------------------------------------------------------------

LOGGED = "show logging | include SYS-5-CONFIG_I|ROLLBK_CNFMD_CHG"
_START, _BACK = "ROLLBK_CNFMD_CHG_START", "ROLLBK_CNFMD_CHG_ROLLBACK_START"
_BY = re.compile(r"Configured from (?!memory)\S+ by (\S+ on \S+(?: \([^)\s]+\))?)")


def who(log: str) -> tuple[str, ...] | None:
    """Return who configured the router before a timer ran out, as its log names them.

    The first to leave configuration is whoever started the timer. None: the log doesn't reach
    back so far.
    """
    lines = log.splitlines()
    back = max((n for n, line in enumerate(lines) if _BACK in line), default=None)
    if back is None:
        return None
    start = max((n for n, line in enumerate(lines[:back]) if _START in line), default=None)
    if start is None:
        return None
    found = [match[1] for line in lines[start:back] if (match := _BY.search(line))]
    return tuple(dict.fromkeys(found[1:]))
