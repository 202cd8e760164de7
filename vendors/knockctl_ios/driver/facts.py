"""What a router is, and what of its configuration makes policies fare badly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from knockctl.errors import Unsupported, Where
from knockctl_ios.config.syntax import Line
from knockctl_ios.placement import IosPlacement

OLDEST = (12, 4)
"""The first version with the archive's revert timer: 12.4(20)T."""
EEM = (3, 0)
"""The first event manager with ``if`` and ``regexp`` (fact sheet 2)."""
_MANAGER = re.compile(r"Manager Version (\d+)\.(\d+)")
_VERSION = re.compile(r"Version (\d+)\.(\d+)([^,\s]*)")
_MODEL = re.compile(r"^[Cc]isco (\S+) .*(?:processor|bytes of memory)", re.MULTILINE)
_LEVELS = (
    *("emergencies", "alerts", "critical", "errors", "warnings", "notifications"),
    *("informational", "debugging"),
)
_NEEDED = _LEVELS.index("informational")
"""Both ``%CP-6-…`` and ``%SEC-6-…`` are of this level."""
_GOALS = ("buffered", "console", "monitor")
_LIMIT = re.compile(r"logging rate-limit (?:all )?(\d+)(?: except (\S+))?$")
_INTERVAL = re.compile(r"ip access-list logging interval (\d+)$")


def described(text: str, where: Where) -> tuple[str, dict[str, str]]:
    """Return family, version and model, and the former two by their names.

    Raises ``Unsupported`` where the version is too old.
    """
    match = _VERSION.search(text)
    version = match[0].removeprefix("Version ") if match else "of an unknown version"
    if match and (int(match[1]), int(match[2])) < OLDEST:
        raise Unsupported(f"IOS {version} is older than 12.4", hint="update it", where=where)
    family = "IOS XE" if "IOS XE" in text or "IOS-XE" in text else "IOS"
    model = _MODEL.search(text)
    words = (family, version, model[1] if model else "")
    return " ".join(word for word in words if word), {"version": version, "family": family}


def event_manager(text: str, where: Where) -> None:
    """Raise ``Unsupported`` where ``show event manager version`` tells of none that will do."""
    match = _MANAGER.search(text)
    if match is None or (int(match[1]), int(match[2])) < EEM:
        said = f"version {match[1]}.{match[2]}" if match else "not there"
        raise Unsupported(
            f"the event manager is {said}, and 3.0 is needed; nothing was changed",
            hint="update the router",
            where=where,
        )


def warnings(running: Iterable[Line], place: IosPlacement) -> Iterator[str]:
    """Yield what makes policies fare badly in their place, as far as the configuration tells."""
    lines = tuple(running)
    for line in lines:
        if line.text == f"interface {place.interface}":
            yield from _interface(line, place)
        if place.method == "copp" and line.text.startswith("control-plane"):
            yield from _other_plane(line, place)
    yield from _logging([line.text for line in lines], place)


def _interface(line: Line, place: IosPlacement) -> Iterator[str]:
    below = [child.text for child in line.below]
    if "no ip unreachables" not in below:
        yield (
            f"{line.text} answers packets that are denied, which tells a scanner what is closed"
            " with intent: configure no ip unreachables there"
        )
    if place.access_list and f"ip access-group {place.access_list} in" not in below:
        yield (
            f"the access list {place.access_list} does not judge what comes in by {line.text}:"
            f" configure ip access-group {place.access_list} in there"
        )


def _other_plane(line: Line, place: IosPlacement) -> Iterator[str]:
    ours = "control-plane host" if place.control_plane == "host" else "control-plane"
    policies = [child.text for child in line.below if child.text.startswith("service-policy input")]
    if line.text != ours and policies:
        yield (
            f"{line.text} has {policies[0]}, and ours goes to {ours}: which of them sees a knock"
            " first is not known; look that none of its classes takes knocks"
        )


def _logging(texts: Iterable[str], place: IosPlacement) -> Iterator[str]:
    """Yield what keeps knocks out of the log."""
    said = tuple(texts)
    if "no logging on" in said:
        yield "logging is off: no knock is noticed; configure logging on"
    elif all(_misses(goal, said) for goal in _GOALS):
        yield (
            "neither buffer, console nor monitor takes lines of level informational, as knocks"
            " are: configure logging buffered informational"
        )
    for text in said:
        limit, interval = _LIMIT.match(text), _INTERVAL.match(text)
        if place.order == "tcl":
            # A script may run for every packet of a scan: to limit that is meant.
            continue
        if limit and _level(limit[2] or "") < _NEEDED:
            yield (
                f"{text} leaves out lines beyond {limit[1]} a second, knocks among them: add"
                " except informational"
            )
        if interval and place.method == "acl-log":
            yield (
                f"{text} logs one packet in {interval[1]} ms: knocks that come faster, whoever's,"
                " are not noticed"
            )


def _misses(goal: str, said: Iterable[str]) -> bool:
    """Tell whether lines of a knock's level don't get somewhere; what isn't said gets there."""
    for text in said:
        if text == f"no logging {goal}":
            return True
        if text.startswith(f"logging {goal} "):
            level = _level(text.split()[-1])
            return 0 <= level < _NEEDED
    return False


def _level(word: str) -> int:
    """Return a level's number; -1 for what is none."""
    if word.isdigit() and int(word) < len(_LEVELS):
        return int(word)
    return _LEVELS.index(word) if word in _LEVELS else -1
