"""Reading lines of configuration, from whatever source, into a tree.

A line that its mode doesn't know is tried in the modes above, up to the global one, as IOS does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from knockctl_ios.twin.device import applets, modes
from knockctl_ios.twin.device.grammar import Grammar, Parsed, Rejected
from knockctl_ios.twin.device.rules import Refused, Rule, grammar_of, keep
from knockctl_ios.twin.device.switches import Switches
from knockctl_ios.twin.device.tree import Node, root

MARK = "\x03"
"""What a banner is kept between; shown as ``^C``, which is not read back as the same."""
LEAVING = ("ex", "exi", "exit", "quit")
Report = Callable[[str], None]


@functools.cache
def _built(mode: str, lacks: frozenset[str]) -> Grammar[Rule]:
    return grammar_of(modes.mode(mode).rules, lacks)


def _grammar(mode: str, switches: Switches) -> Grammar[Rule]:
    return _built(mode, switches.lacks)


def _nothing(_: str) -> str | None:
    return None


class Configurator:
    """One session's way through the configuration: where it is, and what its lines do."""

    def __init__(
        self,
        top: Node,
        switches: Switches,
        *,
        now: Callable[[], float] = lambda: 0.0,
        file: Callable[[str], str | None] = _nothing,
        factory: bool = False,
    ) -> None:
        """Start in the global mode. ``factory`` lets hardware be made."""
        self.top = top
        self.switches = switches
        self.now = now
        self.file = file
        self.factory = factory
        self._stack: list[Node] = [top]
        self._banner: tuple[str, str, list[str]] | None = None

    @property
    def section(self) -> Node:
        """The line below which the next one goes."""
        return self._stack[-1]

    @property
    def prompt(self) -> str:
        """What is between the brackets."""
        return modes.mode(self.section.mode).prompt

    @property
    def in_text(self) -> bool:
        """A banner is being read: lines are text, with no prompt before them."""
        return self._banner is not None

    def enter(self, node: Node) -> None:
        """Open the mode of a line."""
        self._stack.append(node)

    def leave(self) -> str:
        """Close the innermost mode; return what the device says."""
        node = self._stack.pop()
        if not self._stack:
            self._stack = [self.top]
        return applets.left(self, node) if node.mode == "config-applet" else ""

    def leave_all(self) -> str:
        """Go back to the global mode."""
        said = ""
        while len(self._stack) > 1:
            said += self.leave()
        return said

    def words(self, head: str) -> list[str]:
        """Return what may follow the beginning of a line in this mode."""
        try:
            return _grammar(self.section.mode, self.switches).words(head.removeprefix("no "))
        except Rejected:
            return []

    def line(self, text: str) -> str:
        """Carry out one line; return what the device says.

        Raises:
            Rejected: it isn't understood.
            Refused: it is, and isn't obeyed.
        """
        if self._banner is not None:
            return self._text(text)
        stripped = text.strip()
        if not stripped or stripped.startswith("!"):
            return ""
        if stripped.lower() in LEAVING and not text.startswith("  "):
            return self.leave() if len(self._stack) > 1 else ""
        found = self._foreign(text)
        return found if found is not None else self._known(text)

    def _known(self, text: str) -> str:
        parsed, depth, negated = self._parse(text)
        said = ""
        while len(self._stack) > depth:
            said += self.leave()
        rule = parsed.command
        if rule.syntax.startswith("banner") and not negated:
            return said + self._open_banner(parsed)
        return said + (rule.apply or keep)(self, parsed, negated)

    def _parse(self, text: str) -> tuple[Parsed[Rule], int, bool]:
        start = len(text) - len(text.lstrip())
        word = text.split(maxsplit=1)[0].lower()
        negated = word in ("no", "default")
        if negated:
            start += len(word)
        furthest = Rejected(start)
        for depth in range(len(self._stack), 0, -1):
            mode = self._stack[depth - 1].mode
            try:
                grammar = _grammar(mode, self.switches)
                return grammar.parse(text, negated=negated, start=start), depth, negated
            except Rejected as error:
                if depth == len(self._stack) or error.offset > furthest.offset:
                    furthest = error
        raise furthest

    def _foreign(self, text: str) -> str | None:
        """Keep a line below a heading whose mode takes any; None where it isn't for that mode."""
        if not self.section.mode.startswith(f"{modes.ANY} "):
            return None
        if not text.startswith(" ") and self._is_global(text):
            return None
        stripped = text.strip()
        inner = text[1:].rstrip() if text.startswith("  ") else stripped
        if stripped.startswith("no ") and self.section.drop(stripped[3:]):
            return ""
        key = inner.strip()
        key = key if self.section.child(key) is None else f"{key} {len(self.section.below)}"
        if self.section.child(inner.strip()) is None or inner != stripped:
            self.section.put(Node(inner, key))
        return ""

    def _is_global(self, text: str) -> bool:
        try:
            start = 3 if text.startswith("no ") else 0
            _grammar("config", self.switches).parse(text, negated=bool(start), start=start)
        except Rejected:
            return False
        return True

    # --- banners ---

    def _open_banner(self, parsed: Parsed[Rule]) -> str:
        kind, _, rest = parsed.text.partition(" ")[2].partition(" ")
        self._banner = (kind, rest[0], [])
        return self._text(rest[1:]) if rest[1:] else ""

    def _text(self, text: str) -> str:
        if self._banner is None:
            return ""
        kind, mark, lines = self._banner
        before, found, _ = text.partition(mark)
        if found or before or lines:
            lines.append(before)
        if found:
            body = "\n".join(lines)
            self._banner = None
            key = f"banner {kind}"
            self.top.put(Node(f"{key} {MARK}{body}{MARK}", key, (395, kind), args={"text": body}))
        return ""


def read(
    lines: Iterable[str],
    switches: Switches,
    *,
    report: Report = lambda _: None,
    factory: bool = True,
    now: Callable[[], float] = lambda: 0.0,
    file: Callable[[str], str | None] = _nothing,
) -> Node:
    """Make a tree of a whole configuration; what is wrong with lines goes to ``report``."""
    cfg = Configurator(root(), switches, now=now, file=file, factory=factory)
    for line in lines:
        if line.strip() == "end" and not cfg.in_text:
            break
        said = obey(cfg, line)
        if said:
            report(said)
    cfg.leave_all()
    return cfg.top


def obey(cfg: Configurator, line: str) -> str:
    """Carry out one line of a file; return what the device says, the line itself before errors."""
    if line.startswith(("version ", "Building conf", "Current conf")):
        return ""
    try:
        return cfg.line(line)
    except Rejected as error:
        return f"{line}\n{error.text(line)}"
    except Refused as error:
        return f"{line}\n{error}\n"
