"""What is wrong with a knocking configuration built like the seed's, found by looking at it.

The thirteen defects and their numbers are those of fact sheet 1. What can be executed is found by
executing it: patterns and expressions are tried on the lines that the router would log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knockctl_ios.semantics import Document, plane
from knockctl_ios.semantics.applets import Applet, applets
from knockctl_ios.semantics.logs import Format, Kind, Message, Style, split
from knockctl_ios.semantics.regex import NotUnderstood, pattern
from knockctl_ios.tree import Line

CURLY = "\u201c\u201d"
_STYLES: tuple[Style, ...] = ("spaced", "tight", "with-ttl")
_SOURCE, _ROUTER = "192.0.2.1", "198.51.100.1"
_ORDERED = ("lt", "le", "gt", "ge")


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect: its number in the fact sheet, where it shows, what is wrong."""

    number: int
    where: str
    what: str


def straight(text: str) -> str:
    """Return a text with the quotes that a keyboard has."""
    return text.translate(dict.fromkeys(map(ord, CURLY), '"'))


def defects(lines: tuple[Line, ...]) -> tuple[Defect, ...]:
    """Return the defects that a configuration shows, by their numbers, each in one place once."""
    document = Document(lines, whole=True)
    # What else is wrong is found as if the quotes were right.
    mended = Document(tuple(_straightened(line) for line in lines), whole=True)
    found = {*_classes(document), *_lists(mended), *_quotes(document)}
    for applet in applets(mended):
        found |= {*_detectors(applet), *_trigger(applet), *_actions(applet)}
    return tuple(sorted(found, key=lambda one: (one.number, one.where)))


def _straightened(line: Line) -> Line:
    return Line(straight(line.text), tuple(_straightened(child) for child in line.below))


def _classes(document: Document) -> Iterator[Defect]:
    for policy in plane.classes(document):
        for one in policy:
            if one.matches and not one.drops and one.unsure is None:
                yield Defect(1, one.name, "the class has no action: nothing is dropped")
    for name, lines in document.policies(logging=True):
        for line in lines:
            if not any(action.text.startswith("log") for action in line.below):
                place = f"policy-map type logging {name}, {line.text}"
                yield Defect(2, place, "the class does not log")


def _quotes(document: Document) -> Iterator[Defect]:
    for applet in document.applets:
        for line in applet.below:
            if any(char in line.text for char in CURLY):
                place = f"{_name(applet)}, {' '.join(line.text.split()[:3])}"
                yield Defect(3, place, "a quote is typographic: to the router it is no quote")


def _name(applet: Line) -> str:
    return f"applet {applet.text.split()[3]}"


def _lists(document: Document) -> Iterator[Defect]:
    for name, entries in document.access_lists.items():
        dynamic = [text for text in entries if text.startswith("dynamic ")]
        if not dynamic:
            continue
        if "permit ip any any" in entries:
            yield Defect(12, name, "the list permits everything else")
        for text in dynamic:
            if text.split()[2] != "timeout":
                what = "only access-template sets a time, which may be meant as idle"
                yield Defect(13, f"{name}: {text}", what)


# --- applets ------------------------------------------------------------------------------------


def _line(style: Style = "spaced", source_port: int = 11111, port: int = 22222) -> str:
    kind = Kind("control-plane", "udp", "DROP")
    return Format(style).line(Message(kind, _SOURCE, source_port, _ROUTER, port), 13460)


def _detectors(applet: Applet) -> Iterator[Defect]:
    for detector in applet.detectors:
        for kind in (Kind("control-plane", "udp", "DROP"), Kind("control-plane", "tcp", "DROP")):
            found = split(detector.pattern, kind, Format())
            if found.possible and (found.source_ports or found.addresses):
                place = f"applet {applet.name}, {detector.pattern.text}"
                yield Defect(5, place, "a source port, too, makes the pattern match")


def _trigger(applet: Applet) -> Iterator[Defect]:
    if not applet.multiple:
        return
    place = f"applet {applet.name}, trigger"
    tags = len(applet.correlated)
    if applet.occurs > 1:
        yield Defect(6, place, f"all events must come {applet.occurs} times, not once")
    if applet.period < tags:
        what = f"all {tags} knocks must come within {applet.period} s"
        yield Defect(6, f"{place} period", what)
    if tags > 1:
        yield Defect(7, place, "events of all sources are correlated: a stray packet replaces one")
        if not any("clear" in " ".join(action.words) for action in applet.actions):
            yield Defect(
                8, place, "a wrong port changes nothing, and no step has a time of its own"
            )


def _actions(applet: Applet) -> Iterator[Defect]:
    numbers: set[str] = set()
    guarded = any("$_regexp_result" in action.words for action in applet.actions)
    for action in applet.actions:
        place = f"applet {applet.name}, action {action.label}"
        if action.verb == "regexp":
            yield from _regexp(action.words, place, numbers)
            if not guarded:
                yield Defect(10, place, "without a match its variables do not exist: the run ends")
        if action.verb == "if" and action.words[2] in _ORDERED:
            compared = {word.removeprefix("$") for word in action.words[1:]} & numbers
            if compared:
                what = "sequence numbers may be compared as texts: 1000000 is before 999999"
                yield Defect(9, place, what)
        if action.verb == "cli" and "access-template" in action.words[2]:
            names = action.words[2].partition("access-template ")[2].split()[:2]
            if any("$" in name for name in names):
                yield Defect(11, place, "names of lists are put together as the applet runs")


def _regexp(said: tuple[str, ...], place: str, numbers: set[str]) -> Iterator[Defect]:
    try:
        looked = pattern(said[1])
    except NotUnderstood:
        return
    found = [looked.search(_line(style)) for style in _STYLES]
    groups = zip(*(one[1:] for one in found if one), strict=True)
    for name, texts in zip(said[4:], groups, strict=False):
        if _ROUTER in texts and _SOURCE in texts:
            yield Defect(4, place, f"${name} is the router's address, unless lines are tight")
        if all(re.fullmatch(r"0*13460", text) for text in texts):
            numbers.add(name)
