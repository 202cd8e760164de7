"""Elements: reading them from text, copying, comparing, and what the device writes on them."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from knockctl_panos.twin.device.refusals import MALFORMED, Refusal

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
BOOKKEEPING = ("admin", "dirtyId", "time")
"""What a candidate tree says of each node that was changed and is not committed."""


def read(text: str) -> Element:
    """Read one element.

    Raises:
        Refusal: not well-formed, or with a document type, whose entities could grow without end.
    """
    if "<!DOCTYPE" in text:
        raise Refusal(MALFORMED, "Malformed Request", plain=True)
    try:
        return fromstring(_DECLARATION.sub("", text))  # noqa: S314 - no document type, so no entities
    except ParseError as error:
        raise Refusal(MALFORMED, f"Malformed Request: {error}", plain=True) from error


def fragment(text: str) -> list[Element]:
    """Read any number of elements side by side.

    Raises:
        Refusal: as ``read``; or text between them.
    """
    root = read(f"<fragment>{_DECLARATION.sub('', text)}</fragment>")
    if "".join([root.text or "", *(node.tail or "" for node in root)]).strip():
        raise Refusal(MALFORMED, "Malformed Request", plain=True)
    return list(root)


def write(element: Element) -> str:
    """Write an element without any space around it."""
    return tostring(element, encoding="unicode")


def clone(element: Element) -> Element:
    """Copy a tree."""
    return copy.deepcopy(element)


def make(tag: str, content: str | Iterable[Element] = "", **attributes: str) -> Element:
    """Make an element with text, or with children."""
    made = Element(tag, attributes)
    if isinstance(content, str):
        made.text = content or None
    else:
        made.extend(content)
    return made


def under(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    """Add a child, with text, and return it."""
    made = SubElement(parent, tag, attributes)
    made.text = text or None
    return made


def words(element: Element, path: str) -> list[str]:
    """Return the texts of ``path/member``."""
    return [node.text or "" for node in element.findall(f"{path}/member")]


def text_of(element: Element | None) -> str:
    """Return an element's own text, spaces around it left out."""
    return (element.text or "").strip() if element is not None else ""


def name_of(element: Element) -> str:
    """Return an entry's name."""
    return element.get("name", "")


def entry(container: Element | None, name: str) -> Element | None:
    """Return the entry of a name, whatever characters that has."""
    nodes = container if container is not None else ()
    return next((node for node in nodes if name_of(node) == name), None)


def identity(element: Element) -> tuple[str, str]:
    """Return what tells a node from its siblings: tag, and name or, for members, text."""
    own = text_of(element) if element.tag == "member" else element.get("name", "")
    return element.tag, own


def mark(element: Element, marks: dict[str, str]) -> None:
    """Write bookkeeping on a node and all below."""
    for node in element.iter():
        node.attrib.update(marks)


def unmark(element: Element, numbers: Iterable[int] | None = None) -> None:
    """Take bookkeeping off a tree: all of it, or that of some changes."""
    wanted = None if numbers is None else {str(number) for number in numbers}
    for node in element.iter():
        if wanted is None or node.get("dirtyId") in wanted:
            for name in BOOKKEEPING:
                node.attrib.pop(name, None)


def rules(tree: Element) -> Iterator[Element]:
    """Yield the entries of all rule bases."""
    for parent in tree.iter("rules"):
        yield from parent.findall("entry")


def name_rules(tree: Element, other: Element | None = None) -> None:
    """Give every rule that has none an identity: that of the rule so named in the other tree."""
    known: dict[str, list[str]] = {}
    for rule in rules(other) if other is not None else ():
        known.setdefault(name_of(rule), []).append(rule.get("uuid", ""))
    for rule in rules(tree):
        same = known.get(name_of(rule))
        identity = same.pop(0) if same else ""
        if not rule.get("uuid"):
            rule.set("uuid", identity or str(uuid.uuid4()))
