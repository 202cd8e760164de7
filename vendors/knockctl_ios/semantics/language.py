"""The actions of an applet, executed.

Sources: fact sheet 1 (9, 10), 2. A variable that does not exist ends the run; so does an action
that fails. Whether ``lt`` and the like compare numbers or texts is uncertain: a switch.
"""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from knockctl_ios.semantics.applets import Action, Applet
from knockctl_ios.semantics.regex import pattern

_MOST_ACTIONS = 2000
_VARIABLE = re.compile(r"\$(\w+)")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
Variables = tuple[tuple[str, str], ...]


class Stopped(Exception):
    """A run ended before its last action."""


class Router(Protocol):
    """What an applet can reach besides its own variables."""

    def command(self, text: str) -> str:
        """Run a command of a privileged session; return what it prints."""

    def emit(self, applet: str, text: str) -> None:
        """Log a line of the applet's own."""

    def save(self, key: str, variables: Variables) -> None:
        """Keep variables for later runs."""

    def retrieve(self, key: str) -> Variables:
        """Return what was kept, and forget it."""


class Waits(NamedTuple):
    """A run that goes on later."""

    seconds: int
    at: int
    variables: Variables


@dataclass
class Run:
    """One run of an applet."""

    applet: Applet
    router: Router
    lines: Mapping[str, str]
    """The log lines that fired it, by their tags."""
    numeric: bool = True
    variables: dict[str, str] = field(default_factory=dict)
    privileged: bool = False
    at: int = 0
    _done: int = 0

    def go(self) -> Waits | None:
        """Execute until the end, or until it waits."""
        try:
            while self.at < len(self.applet.actions):
                action = self.applet.actions[self.at]
                self.at += 1
                self._done += 1
                if self._done > _MOST_ACTIONS:
                    # It would be killed at its maxrun.
                    return None
                if action.verb == "wait":
                    return Waits(int(self._said(action.words[1])), self.at, self.kept())
                self._do(action)
        except (Stopped, ValueError, IndexError, ZeroDivisionError):
            return None
        return None

    def kept(self) -> Variables:
        """Return the variables in a form that can be kept."""
        mode = {" privileged": "1"} if self.privileged else {}
        return tuple(sorted({**self.variables, **mode}.items()))

    # --- words ---

    def _said(self, word: str) -> str:
        return _VARIABLE.sub(lambda match: self._value(match[1]), word.replace('\\"', '"'))

    def _value(self, name: str) -> str:
        for known in (self.variables, self.applet.variables):
            if name in known:
                return known[name]
        raise Stopped(name)

    def _true(self, action: Action) -> bool:
        _, left, sign, right = action.words
        values: tuple[Any, Any] = self._said(left), self._said(right)
        if self.numeric and all(re.fullmatch(r"-?\d+", str(value)) for value in values):
            values = int(str(values[0])), int(str(values[1]))
        return _OPERATORS[sign](*values)

    # --- blocks ---

    def _do(self, action: Action) -> None:
        if action.verb in ("if", "while"):
            self._branch(action)
        elif action.verb == "foreach":
            self._each(action)
        elif action.verb in ("elseif", "else"):
            # The part before it was executed.
            self.at = action.end + 1
        elif action.verb == "end":
            self.at = action.end if 0 <= action.end < self.at - 1 else self.at
        elif action.verb in ("break", "continue"):
            self._leave(action)
        elif action.verb == "exit":
            raise Stopped(action.label)
        else:
            getattr(self, f"_{action.verb.replace('-', '_')}")([*action.words])

    def _branch(self, action: Action) -> None:
        """Go to the first part that holds."""
        while not self._true(action):
            self.at = action.next + 1
            following = self.applet.actions[action.next]
            if following.verb != "elseif":
                return
            action = following

    def _each(self, action: Action) -> None:
        hidden = f" each {action.label}"
        left = self.variables.get(hidden)
        items = (self._said(action.words[2]) if left is None else left).split()
        if not items:
            self.variables.pop(hidden, None)
            self.at = action.end + 1
            return
        self.variables[action.words[1]] = items[0]
        self.variables[hidden] = " ".join(items[1:])

    def _leave(self, action: Action) -> None:
        inner = [a for a in self.applet.actions[: self.at] if a.verb in ("while", "foreach")]
        inner = [a for a in inner if a.end >= self.at]
        if not inner:
            raise Stopped(action.label)
        self.variables.pop(f" each {inner[-1].label}" if action.verb == "break" else "", None)
        self.at = inner[-1].end + (action.verb == "break")

    # --- variables ---

    def _set(self, words: list[str]) -> None:
        self.variables[words[1]] = self._said(words[2])

    def _append(self, words: list[str]) -> None:
        self.variables[words[1]] = self.variables.get(words[1], "") + self._said(words[2])

    def _increment(self, words: list[str]) -> None:
        by = int(self._said(words[2])) if len(words) > 2 else 1
        sign = 1 if words[0] == "increment" else -1
        self.variables[words[1]] = str(int(self._value(words[1])) + sign * by)

    _decrement = _increment

    def _add(self, words: list[str]) -> None:
        left, right = int(self._said(words[1])), int(self._said(words[2]))
        if words[0] == "divide":
            self.variables["_remainder"] = str(left % right)
        done = {
            "add": operator.add,
            "subtract": operator.sub,
            "multiply": operator.mul,
            "divide": operator.floordiv,
        }[words[0]]
        self.variables["_result"] = str(done(left, right))

    _subtract = _multiply = _divide = _add

    def _string(self, words: list[str]) -> None:
        said = [self._said(word) for word in words[1:]]
        self.variables["_string_result"] = str(_STRINGS[said[0]](*said[1:]))

    def _regexp(self, words: list[str]) -> None:
        found = pattern(words[1].replace('\\"', '"')).search(self._said(words[2]))
        self.variables["_regexp_result"] = str(int(found is not None))
        # Without a match the variables are not made (fact sheet 1, 10).
        for name, text in zip(words[3:], found or (), strict=False):
            self.variables[name] = text

    # --- the router ---

    def _info(self, words: list[str]) -> None:
        if words[1:4] != ["type", "event", "reqinfo"]:
            raise Stopped(words[1])
        tag = words[words.index("tag") + 1] if "tag" in words else ""
        if tag not in self.lines:
            raise Stopped(tag)
        self.variables["_syslog_msg"] = self.lines[tag]

    def _cli(self, words: list[str]) -> None:
        if not self.applet.authorized:
            raise Stopped("command authorization failed")
        text = " ".join(self._said(words[2]).split())
        printed = ""
        if text in ("enable", "disable"):
            self.privileged = text == "enable"
        elif self.privileged or text.startswith("show "):
            printed = self.router.command(text)
        else:
            printed = "% Invalid input detected at '^' marker."
        self.variables["_cli_result"] = printed

    def _syslog(self, words: list[str]) -> None:
        self.router.emit(self.applet.name, self._said(words[words.index("msg") + 1]))

    def _context(self, words: list[str]) -> None:
        key = self._said(words[words.index("key") + 1])
        named = self._said(words[words.index("variable") + 1])
        if words[1] == "save":
            kept = {n: v for n, v in self.variables.items() if fnmatch.fnmatchcase(n, named)}
            self.router.save(key, tuple(sorted(kept.items())))
        else:
            self.variables.update(dict(self.router.retrieve(key)))

    def _puts(self, words: list[str]) -> None:
        self._said(words[-1])

    def _comment(self, words: list[str]) -> None:
        """Do nothing that packets depend on."""

    _mail = _counter = _track = _snmp_trap = _cns_event = _publish_event = _comment


def _range(text: str, first: str, last: str) -> str:
    return text[int(first) : None if last == "end" else int(last) + 1]


_STRINGS: Mapping[str, Callable[..., object]] = {
    "compare": lambda one, other: (one > other) - (one < other),
    "equal": lambda one, other: int(one == other),
    "match": lambda glob, text: int(fnmatch.fnmatchcase(text, glob)),
    "first": lambda part, text: text.find(part),
    "last": lambda part, text: text.rfind(part),
    "length": len,
    "range": _range,
    "index": lambda text, at: _range(text, at, at),
    "tolower": str.lower,
    "toupper": str.upper,
    "trim": lambda text, chars=None: text.strip(chars),
    "trimleft": lambda text, chars=None: text.lstrip(chars),
    "trimright": lambda text, chars=None: text.rstrip(chars),
}
