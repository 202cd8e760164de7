"""Applets of the embedded event manager, and their actions in order.

Sources: fact sheet 1 (6, 7), 2. An applet without an event is not registered. Those whose actions
leave access lists alone are left out; an action that nobody here understands, or a pattern, makes
it a guess what packets that may fire the applet leave behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

from knockctl.automaton.questions import Atom
from knockctl_ios.config import quoting as words
from knockctl_ios.config.syntax import Line
from knockctl_ios.semantics.conditions import guess
from knockctl_ios.semantics.document import Document
from knockctl_ios.semantics.regex import NotUnderstood, Pattern, pattern
from knockctl_ios.semantics.statements import WINDOW, Detector, Statements, seconds

MINUTE = 60
OPENS = ("if", "while", "foreach")
UNDERSTOOD = frozenset(
    (
        *OPENS,
        *("elseif", "else", "end", "break", "continue", "exit", "set", "increment", "decrement"),
        *("add", "subtract", "multiply", "divide", "string", "append", "regexp", "info", "context"),
        *("wait", "cli", "syslog", "puts", "comment"),
        *("mail", "counter", "track", "snmp-trap", "cns-event", "publish-event"),
    )
)
_HARMLESS = (
    *("show ", "enable", "disable", "end", "exit", "terminal ", "ping ", "traceroute "),
    *("clear counters", "clear ip route", "clear logging", "clear crypto ", "write", "wr mem"),
    *("configure terminal", "config t", "conf t", "interface ", "shutdown", "no shutdown"),
    *("description ", "ip route ", "no ip route ", "track ", "standby ", "ntp ", "logging host "),
)
"""Commands that neither access lists nor what judges packets depend on, as they are typed."""
_COMMANDS = (
    *("enable", "end", "exit", "access-template ", "clear access-template "),
    *("clear ip access-template ", "show access-lists", "show ip access-lists", "terminal "),
)
COMPARED = ("eq", "ne", "lt", "le", "gt", "ge")


@dataclass(frozen=True, slots=True)
class Action:
    """One action; of a block also where its next part and its end are."""

    label: str
    words: tuple[str, ...]
    next: int = 0
    """Of ``if``, ``elseif``, ``else``, ``while``, ``foreach``: the next part of the block."""
    end: int = -1
    """Where the block ends; of the end of a loop, where the loop begins."""

    @property
    def verb(self) -> str:
        """What is done."""
        return self.words[0]


@dataclass(frozen=True)
class Applet:
    """One registered applet."""

    name: str
    detectors: tuple[Detector, ...]
    actions: tuple[Action, ...]
    variables: Mapping[str, str]
    occurs: int = 1
    period: int = WINDOW
    correlated: tuple[tuple[str, str], ...] = ()
    """Tags, each with ``and``, ``or`` or ``andnot`` before it."""
    maxrun: int = 20
    authorized: bool = True
    """Whether its commands run at all."""
    unsure: tuple[Atom, ...] = ()
    """What nobody knows about it, to be asked of packets that may fire it."""
    multiple: bool = False

    @cached_property
    def waits(self) -> tuple[int, ...]:
        """Seconds after its start at which it may do something."""
        found = [seconds(a.words[1]) for a in self.actions if a.verb == "wait"]
        some = (sum(c) for n in range(len(found) + 1) for c in combinations(found, n))
        return tuple(sorted({one for one in some if one <= self.maxrun}))

    @cached_property
    def looked(self) -> tuple[Pattern, ...]:
        """Patterns that its actions search the log line for."""
        return tuple(
            pattern(action.words[1])
            for action in self.actions
            if action.verb == "regexp" and action.words[2:3] == ("$_syslog_msg",)
        )

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Ports that its conditions compare something with."""
        return self._compared([a.words[1:] for a in self.actions if a.verb in ("if", "elseif")])

    def compared(self, names: frozenset[str]) -> tuple[int, ...]:
        """Return the ports that its conditions compare variables of these names with."""
        return self._compared(
            [
                action.words[1:]
                for action in self.actions
                if action.verb in ("if", "elseif")
                and any(name in names for word in action.words for name in _names(word))
            ]
        )

    def _compared(self, conditions: Iterable[tuple[str, ...]]) -> tuple[int, ...]:
        texts = (
            self.variables.get(w[1:], w) if w.startswith("$") else w for c in conditions for w in c
        )
        return tuple(sorted({int(t) for t in texts if t.isdigit() and int(t) < 65536}))

    @cached_property
    def addressed(self) -> tuple[tuple[str, str], ...]:
        """Sources and destinations that its commands name in so many words."""
        found = []
        for action in self.actions:
            said = " ".join(action.words).split()
            if action.verb == "cli" and "access-template" in said:
                rest = said[said.index("access-template") + 3 :]
                for side in ("source", "destination"):
                    spec, rest = (
                        (rest[:1], rest[1:]) if rest[:1] == ["any"] else (rest[:2], rest[2:])
                    )
                    if len(spec) == 2 and not any("$" in word for word in spec):
                        found.append((side, " ".join(spec)))
        return tuple(found)

    def names(self, dynamic: str) -> bool:
        """Tell whether its commands may name a dynamic list: in so many words, or by a variable."""
        for action in self.actions:
            said = " ".join(action.words).split()
            if action.verb == "cli" and "access-template" in said:
                word = said[said.index("access-template") + 2]
                if word == dynamic or "$" in word:
                    return True
        return False

    @cached_property
    def windows(self) -> tuple[int, ...]:
        """For how many seconds its events may count; none where it keeps none."""
        if not self.multiple and all(one.occurs == 1 for one in self.detectors):
            return ()
        found = {one.period for one in self.detectors if one.period} | {self.period}
        return tuple(sorted(found))

    @cached_property
    def lasting(self) -> bool:
        """Whether more is left of its runs than entries: events, contexts, runs that go on."""
        return bool(self.windows) or any(a.verb in ("wait", "context") for a in self.actions)

    @cached_property
    def examined(self) -> frozenset[tuple[str | None, str | None]]:
        """Access lists and dynamic lists whose temporary entries make a difference to a run.

        Commands show lists, or add an entry, which does nothing where it is there. Right behind
        the command that clears it, it isn't: runs come to an action by the one before it, unless
        that begins or ends a block. None stands for any list.
        """
        said = [
            " ".join(action.words[2:]).split() if action.verb == "cli" else []
            for action in self.actions
        ]
        found = (_examined(one, before) for before, one in pairwise([[], *said]) if one)
        return frozenset(one for one in found if one)

    @cached_property
    def minutes(self) -> tuple[int, ...]:
        """Timeouts that its commands name."""
        found = set()
        for action in self.actions:
            said = " ".join(action.words).split()
            if action.verb == "cli" and "timeout" in said:
                word = said[said.index("timeout") + 1]
                text = self.variables.get(word[1:], word) if word.startswith("$") else word
                found |= {int(text)} if text.isdigit() else set()
        return tuple(sorted(found))


def applets(document: Document, but: str = "") -> tuple[Applet, ...]:
    """Return the applets that may change what access lists do.

    ``but``: how names of those begin that are left out.
    """
    lines = document.applets
    if but:
        lines = tuple(line for line in lines if not line.text.split()[3].startswith(but))
    return tuple(one for line in lines if (one := _applet(document, line)))


def _applet(document: Document, line: Line) -> Applet | None:
    head = line.text.split()
    actions = compiled(line)
    if not _matters(actions):
        return None
    reader = Statements(head[3])
    reader.read(line.below)
    if not reader.detectors and not reader.unsure:
        return None
    bypassed = "bypass" in head or document.says("event manager session cli username")
    printed = any("$_cli_result" in word for action in actions for word in action.words)
    reader.unsure += [
        guess(f"applet {head[3]}", f"what its action {a.label}, {' '.join(a.words)!r}, does")
        for a in actions
        if not _understood(a, printed=printed)
    ]
    return Applet(
        head[3],
        tuple(reader.detectors),
        actions,
        document.variables,
        reader.occurs,
        reader.period,
        tuple(reader.correlated),
        reader.maxrun,
        bypassed or not document.says("aaa authorization commands"),
        tuple(reader.unsure),
        reader.multiple,
    )


def _examined(one: list[str], before: list[str]) -> tuple[str | None, str | None] | None:
    """Return the lists that a command looks at; None where it looks at none."""
    if one[:1] == ["access-template"]:
        end = one.index("timeout") if "timeout" in one else None
        return None if before == ["clear", *one[:end]] else (_literal(one[1:2]), _literal(one[2:3]))
    if one[:1] == ["show"] and "$" not in "".join(one[1:2]):
        return _literal(one[3:4] if one[1:2] == ["ip"] else one[2:3]), None
    harmless = ("enable", "disable", "end", "exit", "terminal", "clear")
    return None if one[0] in harmless else (None, None)


def _literal(said: list[str]) -> str | None:
    """Return the word; None where a variable or no name stands there."""
    return said[0] if said and "$" not in said[0] and said[0] != "|" else None


def compiled(line: Line) -> tuple[Action, ...]:
    """Return an applet's actions in the order of their labels, blocks with where they end."""
    said = [words.split(child.text) for child in line.below if child.text.startswith("action ")]
    said = [one for one in said if len(one) > 2]
    found = {number: Action(one[1], tuple(one[2:])) for number, one in enumerate(said)}
    opened: list[list[int]] = []
    for number, action in list(found.items()):
        if action.verb in OPENS and not (action.verb == "if" and "goto" in action.words):
            opened.append([number])
        elif action.verb in ("elseif", "else") and opened:
            opened[-1].append(number)
        elif action.verb == "end" and opened:
            parts = opened.pop()
            for part, following in zip(parts, [*parts[1:], number], strict=True):
                found[part] = Action(found[part].label, found[part].words, following, number)
            loop = parts[0] if found[parts[0]].verb in ("while", "foreach") else -1
            found[number] = Action(action.label, action.words, number, loop)
    return tuple(found.values())


def harmless(command: str) -> bool:
    """Tell whether nothing that judges packets depends on a command."""
    return command.startswith(_HARMLESS)


def _matters(actions: tuple[Action, ...]) -> bool:
    """Tell whether anything it does may change what becomes of packets."""
    return any(
        (action.verb == "cli" and not harmless(" ".join(action.words[2:])))
        or action.verb in ("syslog", "context", "policy", "reload", "force-switchover")
        for action in actions
    )


def says(applet: Applet) -> tuple[str, ...] | None:
    """Return what an applet logs, where lines are all that it leaves; None: it does more."""
    if _matters(tuple(action for action in applet.actions if action.verb != "syslog")):
        return None
    return tuple(action.words[-1] for action in applet.actions if action.verb == "syslog")


def _understood(action: Action, *, printed: bool) -> bool:
    """Tell whether an action is run as the router does; ``printed``: what commands print counts."""
    said = action.words
    if action.verb == "cli":
        known = _COMMANDS if printed else (*_COMMANDS, *_HARMLESS)
        return said[1] == "command" and said[2].startswith(known) and len(said) == 3
    if action.verb == "info":
        return said[1:4] == ("type", "event", "reqinfo")
    if action.verb == "regexp":
        try:
            pattern(said[1].replace('\\"', '"'))
        except NotUnderstood:
            return False
    if action.verb in ("if", "elseif", "while"):
        return len(said) == 4 and said[2] in COMPARED
    return action.verb in UNDERSTOOD


def uses(applet: Applet, names: frozenset[str]) -> Iterator[Action]:
    """Yield actions that do more with variables of these names than compare them with numbers."""
    for action in applet.actions:
        inside = {w for word in action.words for w in _names(word)}
        if not inside & names or action.verb in ("puts", "comment"):
            continue
        if action.verb in ("if", "elseif"):
            others = [w for w in (action.words[1], action.words[3]) if not set(_names(w)) & names]
            known = [applet.variables.get(w[1:], w) if w.startswith("$") else w for w in others]
            if known and all(word.isdigit() for word in known):
                continue
        yield action


def _names(word: str) -> Iterator[str]:
    for part in word.split("$")[1:]:
        name = ""
        for char in part:
            if not (char.isalnum() or char == "_"):
                break
            name += char
        yield name
