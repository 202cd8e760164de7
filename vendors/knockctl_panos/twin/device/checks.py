"""What validation finds wrong with a whole configuration, in the device's words."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import groups, markup, references
from knockctl_panos.twin.device.logquery import Malformed, parse

_RULE = ("from", "to", "source", "destination", "service", "application")


def problems(root: Element) -> list[str]:
    """Return the lines with which a validation, or a commit, fails; none: it would succeed."""
    found = [references.complaint(one) for one in references.dangling(root)]
    for _, scope in references.scopes(root):
        for base in ("rulebase", "pre-rulebase", "post-rulebase"):
            for rule in scope.findall(f"{base}/security/rules/entry"):
                found += _rule(rule)
        for group in scope.findall("address-group/entry"):
            found += _group(group)
        for service in scope.findall("service/entry"):
            if not markup.text_of(service.find("protocol/*/port")):
                found.append(f" service -> {markup.name_of(service)} is missing 'port'")
        for profile in scope.findall("log-settings/profiles/entry"):
            found += _profile(profile)
    return found


def _rule(rule: Element) -> Iterator[str]:
    place = f" rules -> {markup.name_of(rule)}"
    for name in _RULE:
        if not markup.words(rule, name):
            yield f"{place} is missing '{name}'"
    for name in ("source", "destination", "from", "to"):
        if len(found := markup.words(rule, name)) > 1 and "any" in found:
            yield f"{place} -> {name} 'any' cannot be mixed with other values"


def _group(group: Element) -> Iterator[str]:
    place = f" address-group -> {markup.name_of(group)}"
    filtered = group.find("dynamic/filter")
    if filtered is not None and not _is_filter(markup.text_of(filtered)):
        yield f"{place} -> dynamic -> filter '{markup.text_of(filtered)}' is invalid"
    if filtered is None and not markup.words(group, "static"):
        yield f"{place} is missing 'static' or 'dynamic'"


def _is_filter(text: str) -> bool:
    try:
        groups.parse(text)
    except groups.Malformed:
        return False
    return True


def _profile(profile: Element) -> Iterator[str]:
    for match in profile.findall("match-list/entry"):
        place = f" profiles -> {markup.name_of(profile)} -> match-list -> {markup.name_of(match)}"
        wanted = markup.text_of(match.find("filter"))
        if not wanted:
            yield f"{place} -> filter is missing"
        elif wanted != "All Logs":
            try:
                parse(wanted)
            except Malformed as error:
                yield f"{place} -> filter '{wanted}' is invalid: {error}"
        for action in match.findall("actions/entry"):
            yield from _action(action, f"{place} -> actions -> {markup.name_of(action)}")


def _action(action: Element, place: str) -> Iterator[str]:
    tagging = action.find("type/tagging")
    if tagging is None:
        if action.find("type/integration") is None:
            yield f"{place} is missing 'type'"
        return
    if not markup.words(tagging, "tags"):
        yield f"{place} is missing 'tags'"
    for name in ("target", "action"):
        if tagging.find(name) is None:
            yield f"{place} is missing '{name}'"
    if tagging.find("registration") is None or not len(tagging.findall("registration/*")):
        yield f"{place} is missing 'registration'"
