"""What a change does to a tree: set merges, edit replaces, move orders.

Each takes the tree's root and gives the nodes it made or touched, for the bookkeeping. The schema
says which children exclude each other and which places exist; references are others' business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from knockctl_panos.twin.device import markup, references, schema, xpath
from knockctl_panos.twin.device.refusals import (
    BAD_XPATH,
    IMPOSSIBLE,
    INVALID_OBJECT,
    NO_OBJECT,
    NOT_UNIQUE,
    REFERENCED,
    Refusal,
)


@dataclass(frozen=True)
class Edit:
    """One change as it was asked for."""

    action: str
    path: str
    element: str = ""
    where: str = ""
    dst: str = ""
    newname: str = ""
    source: str = ""
    """``from`` of a clone."""

    @property
    def places(self) -> list[str]:
        """The paths of what it changes, down to entries: a set of a list changes its entries."""
        *_, above, last = self.parsed.tags
        whole = last == "entry" and above not in ("vsys", "device-group")
        if self.action != "set" or whole:
            return [self.path]
        found = [place for node in markup.fragment(self.element) for place in _places(node)]
        return [f"{self.path}/{place}" for place in found]

    @property
    def parsed(self) -> xpath.Path:
        """The path, read.

        Raises:
            Refusal: it is none.
        """
        return xpath.parse(self.path)


def _places(node: Element) -> list[str]:
    if node.tag == "entry":
        return [f"entry[@name='{markup.name_of(node)}']"]
    if node.find(".//entry") is None:
        return [node.tag]
    return [f"{node.tag}/{place}" for child in node for place in _places(child)]


def perform(
    root: Element, edit: Edit, known: schema.Group, *, resolve: bool = False
) -> list[Element]:
    """Make one change; return the nodes to mark. With ``resolve``, references must lead somewhere.

    Raises:
        Refusal: as a real device does; the tree is then as before.
    """
    path = edit.parsed
    if path.tags[0] != "config" or path.attribute is not None or len(path.steps) < 2:
        raise Refusal(BAD_XPATH, f"Invalid Xpath: {edit.path}", plain=True)
    place = schema.find(known, path.tags[1:])
    if edit.action == "set":
        return _set(root, path, edit.element, place, resolve=resolve)
    if edit.action == "edit":
        return _edit(root, path, edit.element, place, resolve=resolve)
    if edit.action == "delete":
        return _delete(root, path)
    if edit.action == "move":
        return _move(root, path, edit)
    if edit.action == "rename":
        return _rename(root, path, edit.newname, schema.find(known, path.parent().tags[1:]))
    return _clone(root, path, edit, known)


def _checked(element: Element, place: schema.Node, path: tuple[str, ...]) -> None:
    """Refuse a node that the schema does not allow; ``path`` names the place above it."""
    wrong = list(schema.complaints(element, place, path))
    if wrong:
        raise Refusal(INVALID_OBJECT, *wrong, f" {path[-1]} is invalid")


def _label(path: xpath.Path) -> tuple[str, ...]:
    """Return how complaints name a place: the names and tags below its vsys or device group."""
    steps = list(path.steps[1:])
    for at, step in enumerate(steps):
        if step.tag in ("vsys", "device-group"):
            steps = steps[at + 2 :]
            break
    said = [s.name or s.tag for s in steps if s.tag not in ("rulebase", "security", "log-settings")]
    return tuple(said) or ("config",)


def _resolved(root: Element, shells: list[Element], content: Iterable[Element]) -> None:
    """Refuse content, to be put into the last of some nodes, whose references lead nowhere."""
    shells[-1].extend(content)
    lost = references.dangling(root, shells[0])
    if lost:
        raise Refusal(INVALID_OBJECT, *(references.complaint(one) for one in lost))


def _set(
    root: Element, path: xpath.Path, text: str, place: schema.Node, *, resolve: bool
) -> list[Element]:
    wanted = markup.fragment(text)
    shells = _shell(root, path)
    holder = markup.make(path.steps[-1].tag, wanted, **shells[-1].attrib)
    _unmarked(holder)
    _checked(holder, place, _label(path))
    if resolve:
        _resolved(root, shells, wanted)
    target, made = _ensure(root, path)
    touched: list[Element] = [made] if made is not None else []
    _merge(target, wanted, place, touched)
    return touched


def _merge(
    target: Element, children: Iterable[Element], place: schema.Node, touched: list[Element]
) -> None:
    """Merge children into a node: what is there stays, unless it excludes the new."""
    known = {markup.identity(node): node for node in target}
    for child in children:
        if isinstance(place, schema.Group) and child.tag in place.one_of:
            for other in [node for node in target if node.tag in place.one_of]:
                if other.tag != child.tag:
                    target.remove(other)
        existing = known.get(markup.identity(child))
        if existing is None:
            added = markup.clone(child)
            target.append(added)
            touched.append(added)
            known[markup.identity(added)] = added
            continue
        existing.attrib.update(child.attrib)
        if not len(child) and markup.text_of(existing) != markup.text_of(child):
            existing.text = child.text
            touched.append(existing)
        _merge(existing, child, _described(place, child), touched)


def _described(place: schema.Node, child: Element) -> schema.Node:
    if isinstance(place, schema.Group):
        return place.children.get(child.tag, schema.ANY)
    return place.entry if isinstance(place, schema.Entries) else schema.ANY


def _shell(root: Element, path: xpath.Path) -> list[Element]:
    """Return the nodes a path leads over, empty: copies of those there are, new ones for the rest.

    Raises:
        Refusal: it names several nodes, or one that can't be made.
    """
    node: Element | None = root
    shells = [Element(root.tag)]
    for step in path.steps[1:]:
        found = [] if node is None else xpath.below((node,), step)
        vague = step.deep or step.tag == "*" or (step.tag == "entry" and step.name is None)
        if len(found) > 1 or (not found and vague):
            raise Refusal(BAD_XPATH, f"Invalid Xpath: {path.source}", plain=True)
        node = found[0][-1] if found else None
        name = step.name if node is None else node.get("name")
        shells.append(SubElement(shells[-1], step.tag, {"name": name} if name else {}))
    return shells


def _ensure(root: Element, path: xpath.Path) -> tuple[Element, Element | None]:
    """Return the one node a path names, made where missing, and the topmost node made."""
    node, made = root, None
    for step in path.steps[1:]:
        found = xpath.below((node,), step)
        if found:
            node = found[0][-1]
            continue
        node = SubElement(node, step.tag, {"name": step.name} if step.name else {})
        node.text = step.text
        made = node if made is None else made
    return node, made


def _edit(
    root: Element, path: xpath.Path, text: str, place: schema.Node, *, resolve: bool
) -> list[Element]:
    wanted, last = markup.read(text), path.steps[-1]
    _unmarked(wanted)
    if wanted.tag != last.tag or (last.name is not None and markup.name_of(wanted) != last.name):
        raise Refusal(INVALID_OBJECT, "edit failed, may need to override template object first")
    _checked(wanted, place, _label(path))
    shells = _shell(root, path)
    if resolve:
        shells[-1].attrib.update(wanted.attrib)
        _resolved(root, shells, wanted)
    found = path.select(root)
    if not found:
        parent, _ = _ensure(root, path.parent())
        parent.append(wanted)
        return [wanted]
    old, above = found[0][-1], found[0][-2]
    if old.get("uuid") and not wanted.get("uuid"):
        wanted.set("uuid", old.get("uuid", ""))
    if wanted.tag == "rules":
        markup.name_rules(wanted, markup.make("rulebase", [old]))
    above[list(above).index(old)] = wanted
    return [wanted]


def _unmarked(element: Element) -> None:
    markup.unmark(element)
    for node in element.iter():
        node.attrib.pop("loc", None)
        if len(node):
            node.text = None
        node.tail = None


def _delete(root: Element, path: xpath.Path) -> list[Element]:
    found = path.select(root)
    if not found:
        raise Refusal(NO_OBJECT, "Object doesn't exist")
    inside = [(*chain, entry) for chain in found for entry in chain[-1].findall("entry")]
    entries = [chain for chain in found + inside if chain[-1].tag == "entry"]
    for name, using in references.users(root, entries).items():
        head = f" {name} cannot be deleted because of references from:"
        raise Refusal(REFERENCED, head, *using)
    for chain in found:
        chain[-2].remove(chain[-1])
    return [found[0][-2]]


def _one(root: Element, path: xpath.Path) -> xpath.Chain:
    found = path.select(root)
    if len(found) != 1:
        raise Refusal(NO_OBJECT, "No such node")
    return found[0]


def _move(root: Element, path: xpath.Path, edit: Edit) -> list[Element]:
    *_, parent, node = _one(root, path)
    others = [child for child in parent if child is not node]
    places = {"top": 0, "bottom": len(others)}
    if edit.where in ("before", "after"):
        at = next((i for i, o in enumerate(others) if markup.name_of(o) == edit.dst), None)
        if at is None:
            raise Refusal(IMPOSSIBLE, f"{markup.name_of(node)}: '{edit.dst}' does not exist")
        places[edit.where] = at + (edit.where == "after")
    if edit.where not in places:
        raise Refusal(INVALID_OBJECT, f"Invalid value for where: {edit.where}")
    others.insert(places[edit.where], node)
    parent[:] = others
    return [node]


def _rename(root: Element, path: xpath.Path, name: str, place: schema.Node) -> list[Element]:
    *_, parent, node = chain = _one(root, path)
    _free(parent, name)
    if isinstance(place, schema.Entries):
        wrong = list(schema.entry_complaints(markup.make("entry", name=name), place, (parent.tag,)))
        if wrong:
            raise Refusal(INVALID_OBJECT, *wrong)
    old = markup.name_of(node)
    node.set("name", name)
    return [node, *references.renamed(root, chain, old)]


def _clone(root: Element, path: xpath.Path, edit: Edit, known: schema.Group) -> list[Element]:
    source = xpath.parse(edit.source)
    schema.find(known, source.tags[1:])
    twin = markup.clone(_one(root, source)[-1])
    container, _ = _ensure(root, path)
    _free(container, edit.newname)
    twin.attrib.pop("uuid", None)
    twin.set("name", edit.newname)
    markup.unmark(twin)
    container.append(twin)
    return [twin]


def _free(parent: Iterable[Element], name: str) -> None:
    if any(markup.name_of(other) == name for other in parent):
        raise Refusal(NOT_UNIQUE, f"'{name}' is already in use")
