"""The Tcl policy of ``order: tcl``: one file that hears of packets, and remembers their sources.

Its first line says which log lines it waits for; then come the policy's own words, line by line;
what is done with them, ``policy.tcl``, is the same for every policy. Knocks are heard of by the
placement's method. Whatever else may matter is logged by the interface's access list, as far as
that refuses it: what it leaves to the operator's own entries it can't log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import Span
from knockctl_ios.config.files import File
from knockctl_ios.config.generations import PLACEHOLDERS
from knockctl_ios.config.syntax import Line
from knockctl_ios.placement import IosPlacement, Username
from knockctl_ios.render.names import PolicyNames

MAXRUN = 60
"""Seconds that a run may take."""
MOST = 250
"""Sources that are remembered at once: of those who are in, of those locked out, of those who are
knocking, so many each. Of more, those go whose time ends first."""


def registration(names: PolicyNames) -> Line:
    """Return the line that registers the file."""
    allowed = "" if isinstance(names.place.authorization, Username) else " authorization bypass"
    return Line(f"event manager policy {names.script}{allowed} type user")


def script(names: PolicyNames) -> File:
    """Return the file."""
    return File(names.script, "\n".join([*_lines(names), "", _program()]))


@cache
def _program() -> str:
    return resources.files("knockctl_ios.render").joinpath("policy.tcl").read_text()


# --- what is listened to ---


def watches(policy: ResolvedPolicy) -> bool:
    """Tell whether it matters what other ports than knocks and traps a source sends to."""
    longest = max(len(generation.knocks) for generation in policy.generations)
    return policy.stray != "ignore" or (policy.wrong_knock != "ignore" and longest > 1)


def locks(policy: ResolvedPolicy) -> bool:
    """Tell whether anybody is ever locked out."""
    longest = max(len(generation.knocks) for generation in policy.generations)
    wrong = policy.wrong_knock == "lockout" and longest > 1
    return bool(policy.traps) or policy.stray == "lockout" or wrong


def trapped(policy: ResolvedPolicy, *, services: bool) -> list[Span]:
    """Return the ports of traps, each once: those that are services, or the others."""
    found = [part for span in policy.trap_ports for part in _without([span], policy.services)]
    return _without(policy.trap_ports, found) if services else found


def _without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    left = list(spans)
    for other in others:
        left = [part for one in left for part in one.minus(other)]
    return left


def hears_lists(policy: ResolvedPolicy, place: IosPlacement) -> bool:
    """Tell whether it needs lines of the access list, whatever the method."""
    refused = policy.otherwise == "refuse" and watches(policy)
    return place.method == "acl-log" or bool(policy.traps) or refused


def waited(names: PolicyNames) -> str:
    """Return the pattern of the log lines that start it.

    From the line's beginning: what others have it log, such as the name of who logs in, is none.
    """
    listed = f"list {names.access_list} denied".replace(".", r"\.")
    if names.place.method == "acl-log":
        return f"^[^%]*%[A-Z]+-6-IPACCESSLOGP:[^%]* {listed} "
    if hears_lists(names.policy, names.place):
        return f"^[^%]*%[A-Z]+-6-(TCP|UDP|IPACCESSLOGP):[^%]* (DROP|{listed}) "
    return "^[^%]*%CP-6-(TCP|UDP): DROP "


# --- the file -----------------------------------------------------------------------------------


def _lines(names: PolicyNames) -> Iterator[str]:
    # The first line, as the event manager looks for it there.
    pattern = f"pattern {{{waited(names)}}} maxrun {MAXRUN}"
    yield f"::cisco::eem::event_register_syslog {pattern}"
    yield ""
    yield f"# {names.says()}"
    yield "namespace import ::cisco::eem::*"
    yield "namespace import ::cisco::lib::*"
    yield ""
    yield from (f"set kc({name}) {value}" for name, value in _words(names))
    yield ""
    yield "proc knock {generation protocol port} {"
    yield "    global order knocks sequences"
    yield "    if {![info exists sequences($generation)]} {"
    yield "        lappend order $generation"
    yield "    }"
    yield "    lappend sequences($generation) $protocol/$port"
    yield "    lappend knocks $protocol/$port"
    yield "}"
    yield ""
    yield from _sequences(names)


def _words(names: PolicyNames) -> Iterator[tuple[str, str]]:
    policy = names.policy
    yield "name", names.name
    yield "list", names.access_list
    yield "out", names.locked.access_list
    yield "addresses", _listed(str(address) for address in names.addresses)
    yield "services", _spans(policy.services)
    yield "public", _spans(policy.public)
    yield "otherwise", policy.otherwise
    yield "step", str(policy.step_timeout)
    yield "minutes", str(names.grant)
    yield "wrong", policy.wrong_knock
    yield "stray", policy.stray
    yield "lockout", str(policy.lockout or 0)
    yield (
        "traps",
        _listed(
            _listed([str(trap.lockout), str(int(trap.unless_granted)), _spans(trap.services)])
            for trap in policy.traps
        ),
    )
    yield "most", str(MOST)


def _sequences(names: PolicyNames) -> Iterator[str]:
    """Yield the knocks, those that are secret behind a comment that says so."""
    for placeholder, generation in zip(PLACEHOLDERS, names.policy.generations, strict=False):
        hidden = False
        yield f"# {names.says('knocks')}"
        for knock in generation.knocks:
            if knock.secret is not hidden:
                hidden = knock.secret
                yield f"# {names.says('knocks', secret=hidden)}"
            yield f"knock {placeholder} {knock.protocol} {knock.port}"
    # Ends what a comment said is secret.
    yield f"# {names.says('closed')}"


def _listed(words: Iterable[str]) -> str:
    """Return a list as Tcl writes it."""
    return "{" + " ".join(words) + "}"


def _spans(spans: Iterable[Span]) -> str:
    return _listed(f"{{{one.protocol} {one.first} {one.last}}}" for one in spans)
