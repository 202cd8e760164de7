"""Lines of a router that no proof is about, and that somebody who relies on knocks should know.

Most of them endanger what proofs assume: that each knock is logged at once, and each line heard.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockctl_ios.config.records import IosConfig
from knockctl_ios.config.syntax import Line
from knockctl_ios.semantics import Document

_LOST = "lines may be left out, and a knock that isn't logged is none"
_TOP = {
    "no logging on": "where nothing is logged, nobody's knocks are noticed",
    "logging rate-limit ": _LOST,
    "ip access-list logging interval ": _LOST,
    "ip access-list log-update threshold ": "knocks are logged with the packets of others",
    "event manager scheduler suspend": "no applet runs: nobody's knocks are noticed",
    "access-list dynamic-extend": "grants may last six minutes longer",
}
_FILTERED = ("logging buffered", "logging console", "logging monitor", "logging host")


def remarks(document: Document, config: IosConfig) -> Iterator[str]:
    """Yield what there is to say of a whole running configuration, each with its line."""
    if config.empty:
        return
    yield from _logging(document)
    for name, _ in config.bound:
        yield from _interface(f"interface {name}", document.interfaces.get(name))
    for access_list in dict.fromkeys(found for _, found in config.bound):
        names = [name for name, found in config.bound if found == access_list]
        if len(names) > 1:
            yield (
                f"ip access-group {access_list} in: stands at {' and '.join(names)}: clients are"
                " let in by each of them, and what the list logs by any of them is a knock"
            )


def _logging(document: Document) -> Iterator[str]:
    """Yield what keeps knocks from being logged, or applets from running."""
    for text in document.tops:
        for prefix, what in _TOP.items():
            if f"{text} ".startswith(prefix) and "rate-limit console" not in text:
                yield f"{text}: {what}"
        if text.startswith(_FILTERED) and " discriminator " in text:
            yield f"{text}: {_LOST}"
    for policy, classes in document.policies(logging=True):
        said = ((one, action.text) for one in classes for action in one.below)
        for one, action in said:
            if action.startswith("log interval "):
                yield f"policy-map type logging {policy}, {one.text}: {action}: {_LOST}"


def _interface(place: str, line: Line | None) -> Iterator[str]:
    texts = [child.text for child in line.below] if line else []
    if line and "no ip unreachables" not in texts:
        yield (
            f"{place}: no ip unreachables is missing: a denied packet may be answered, which shows"
            " that somebody denies it"
        )
    filtered = any(t.startswith("ipv6 traffic-filter ") and t.endswith(" in") for t in texts)
    for text in texts:
        if text.startswith(("ipv6 address ", "ipv6 enable")) and not filtered:
            yield f"{place}: {text}: by IPv6 services are reached without a knock"
