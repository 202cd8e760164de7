"""Applets: one for each port that is a knock, on each protected address.

An applet waits for the log line of a packet to its port. It takes the source from the line, looks
up how many knocks that source has made, and makes the entry for one more, or that of the grant.
A source is in one list of a sequence at most: whoever comes further is cleared from the last.
Applets of a router run one after the other, in the order of the lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from knockctl.ports import Span
from knockctl_ios.config.quoting import quoted
from knockctl_ios.config.syntax import Line
from knockctl_ios.placement import Username
from knockctl_ios.render.names import Memory, PolicyNames

MAXRUN = 60
"""Seconds that an applet may take: each command is one of a session of its own."""
SOURCE = r"([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)\([0-9]+\) *-> *"
# No question mark, here or elsewhere: on a command line it asks for help, even inside quotes.
_LEFT = {
    "copp": "^[^%]*%CP-6-{upper}: DROP ",
    "acl-log": "^[^%]*%[A-Z]+-6-IPACCESSLOGP:[^%]* list {name} denied {protocol} ",
}
"""From the line's beginning: what others have it log, such as the name of who logs in, is none."""
_RIGHT = {"copp": "", "acl-log": ", 1 packet"}
"""Of an access list, lines of more packets sum up what was only counted: none is a knock."""


@dataclass
class Actions:
    """Actions under labels that sort as they run."""

    lines: list[Line] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add an action, under the next label."""
        self.lines.append(Line(f"action {10 * (len(self.lines) + 1):05} {text}"))

    def run(self, command: str) -> None:
        """Add a command of the router's command line."""
        self.add(f"cli command {quoted(command)}")


def applets(names: PolicyNames) -> Iterator[Line]:
    """Yield the applets of a policy."""
    number = 0
    for address in names.addresses:
        for span, secret in names.ports:
            number += 1
            yield Line(
                named(names, number),
                (
                    Line(f"description {names.says(secret=secret)}"),
                    Line(
                        f"event syslog pattern {quoted(waited(names, address, span))}"
                        f" maxrun {MAXRUN}"
                    ),
                    *_actions(names, span).lines,
                ),
            )


def named(names: PolicyNames, number: int) -> str:
    """Return the line that opens an applet."""
    granted = "" if isinstance(names.place.authorization, Username) else " authorization bypass"
    return f"event manager applet {names.name}-{number}{granted}"


def waited(names: PolicyNames, address: IPv4Address, span: Span) -> str:
    """Return the pattern of a knock's log line, bound to where it went (fact sheet 1, 4 and 5)."""
    left = _LEFT[names.place.method].format(
        upper=span.protocol.upper(), name=names.access_list, protocol=span.protocol
    )
    to = str(address).replace(".", r"\.")
    return rf"{left}.*-> *{to}\({span.first}\){_RIGHT[names.place.method]}"


def _actions(names: PolicyNames, span: Span) -> Actions:
    actions = Actions()
    actions.add(f'regexp {quoted(SOURCE)} "$_syslog_msg" kc_line kc_source')
    actions.add('if $_regexp_result eq "1"')
    actions.run("enable")
    _last(names, span, actions)
    _next(names, span, actions)
    actions.add("end")
    return actions


def _steps(names: PolicyNames, span: Span) -> Iterator[tuple[int, int, int]]:
    """Yield where a port is a knock: sequence, knocks made with it, how many there are."""
    for number, generation in enumerate(names.policy.generations):
        for made, knock in enumerate(generation.knocks, start=1):
            if knock.span == span:
                yield number, made, len(generation.knocks)


def _last(names: PolicyNames, span: Span, actions: Actions) -> None:
    """Let in who has made all knocks, and end all attempts."""
    for number, made, length in _steps(names, span):
        if made == length:
            if length > 1:
                _looked_up(names.memory(number, made - 1), actions)
                actions.add('if $_string_result ne "-1"')
            let_in(names, actions)
            actions.add("exit")
            if length > 1:
                actions.add("end")


def let_in(names: PolicyNames, actions: Actions) -> None:
    """A grant there is already is made anew: what is there is not renewed (fact sheet 3)."""
    for address in names.addresses:
        entry = f"access-template {names.access_list} {names.name} host $kc_source host {address}"
        actions.run(f"clear {entry}")
        actions.run(f"{entry} timeout {names.grant}")
    for memory in names.all_memories:
        _forget(memory, actions)


def _next(names: PolicyNames, span: Span, actions: Actions) -> None:
    """Remember one knock more; of a first knock only where none is remembered."""
    first: list[int] = []
    for number, made, length in _steps(names, span):
        if made == length:
            continue
        if made == 1:
            first.append(number)
            continue
        before = names.memory(number, made - 1)
        _looked_up(before, actions)
        actions.add('if $_string_result ne "-1"')
        _remember(names.memory(number, made), names.step, actions)
        _forget(before, actions)
        actions.add("end")
    for number in first:
        actions.add('set kc_begun "0"')
        for memory in names.memories(number):
            _looked_up(memory, actions)
            actions.add('if $_string_result ne "-1"')
            actions.add('set kc_begun "1"')
            actions.add("end")
        actions.add('if $kc_begun eq "0"')
        _remember(names.memory(number, 1), names.step, actions)
        actions.add("end")


def _looked_up(memory: Memory, actions: Actions) -> None:
    """Look for the source's entry, and for nobody else's: there may be thousands."""
    actions.run(f"show ip access-lists {memory.access_list} | include host $kc_source any")
    # More than was asked for: what is printed may begin with the command.
    actions.add('string first "permit ip host $kc_source any" "$_cli_result"')


def _remember(memory: Memory, minutes: int, actions: Actions) -> None:
    entry = f"{memory.access_list} {memory.dynamic} host $kc_source any"
    actions.run(f"access-template {entry} timeout {minutes}")


def _forget(memory: Memory, actions: Actions) -> None:
    entry = f"{memory.access_list} {memory.dynamic} host $kc_source any"
    actions.run(f"clear access-template {entry}")
