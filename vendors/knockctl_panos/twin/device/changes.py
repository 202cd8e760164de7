"""``type=config``: reads of both trees, changes of the candidate, many changes in one request."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import answers, commits, markup, xpath
from knockctl_panos.twin.device.accounts import Actor
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.appliance import Appliance
from knockctl_panos.twin.device.edits import Edit
from knockctl_panos.twin.device.refusals import (
    BAD_REQUEST,
    IMPOSSIBLE,
    NO_OBJECT,
    UNKNOWN_COMMAND,
    Refusal,
    no_such_node,
)

CHANGES = ("set", "edit", "delete", "move", "rename", "clone", "override")


def request(device: Appliance, actor: Actor, parameters: Mapping[str, str]) -> Answer:
    """Answer ``type=config``.

    Raises:
        Refusal: as a real device does.
    """
    action = parameters.get("action", "")
    if action == "multi-config":
        actor.may("config")
        return _many(device, actor, parameters)
    if action not in (*CHANGES, "get", "show"):
        raise Refusal(BAD_REQUEST, f'Illegal value for parameter "action" [{action}].')
    if not parameters.get("xpath"):
        raise Refusal(BAD_REQUEST, 'Missing value for parameter "xpath".')
    if action in ("get", "show"):
        return _read(device, action, parameters["xpath"])
    actor.may("config")
    return _change(device, actor, _edit(action, parameters))


def _read(device: Appliance, action: str, where: str) -> Answer:
    path = xpath.parse(where)
    tree = device.trees.running if action == "show" else device.trees.candidate
    nodes = [chain[-1] for chain in path.select(tree)]
    if path.attribute is not None:
        name = path.attribute
        nodes = [markup.make(n.tag, **{name: n.get(name, "")}) for n in nodes if n.get(name)]
    if action == "get":
        return answers.found(nodes)
    if not nodes:
        raise no_such_node()
    return answers.result(*nodes)


def _edit(action: str, words: Mapping[str, str]) -> Edit:
    kind = "edit" if action == "override" else action
    element = words.get("element", "")
    if kind in ("set", "edit") and not element:
        raise Refusal(BAD_REQUEST, 'Missing value for parameter "element".')
    where, dst = words.get("where", ""), words.get("dst", "")
    newname, source = words.get("newname", ""), words.get("from", "")
    return Edit(kind, words.get("xpath", ""), element, where, dst, newname, source)


def _change(device: Appliance, actor: Actor, edit: Edit) -> Answer:
    names = edit.parsed.names
    scope = names.get("vsys") or names.get("device-group") or "shared"
    now = device.clock.now()
    device.locks.permit_change(actor, scope, now)
    if device.faults.refuses_change():
        raise Refusal(device.faults.refuse_code, device.faults.refuse_text)
    try:
        device.trees.change(actor.name, now, device.stamp, edit)
    except Refusal as refusal:
        if edit.action == "delete" and refusal.code == NO_OBJECT:
            status = device.switches.delete_missing
            message = markup.make("msg", "\n".join(refusal.lines))
            return answers.response(status, NO_OBJECT, message)
        raise
    return answers.done()


def _many(device: Appliance, actor: Actor, parameters: Mapping[str, str]) -> Answer:
    """Make all changes of a request, or none."""
    if not device.multi_config:
        raise Refusal(UNKNOWN_COMMAND, "Multi-config is not enabled")
    requested = markup.read(parameters.get("element", ""))
    if parameters.get("strict-transactional") == "yes":
        if device.jobs.busy:
            raise Refusal(IMPOSSIBLE, commits.BUSY)
        mine = device.trees.dirty(lambda change: change.admin == actor.name)
        device.trees.revert(mine)
    restore = device.trees.backup()
    inner: list[Element] = []
    for place, part in enumerate(requested, 1):
        number = part.get("id", str(place))
        answer = _part(device, actor, part)
        answer.document.set("id", number)
        inner.append(answer.document)
        if not answer.ok:
            restore()
            code = int(answer.document.get("code", "0"))
            return answers.response("error", code, *inner)
    return answers.response("success", 20, *inner)


def _part(device: Appliance, actor: Actor, part: Element) -> Answer:
    content = "".join(markup.write(child) for child in part) or (part.text or "").strip()
    words = {**part.attrib, "element": content}
    if part.tag not in CHANGES:
        unknown = Refusal(UNKNOWN_COMMAND, f"multi-config: unknown command {part.tag}")
        return answers.refused(unknown, device.switches)
    try:
        return _change(device, actor, _edit(part.tag, words))
    except Refusal as refusal:
        return answers.refused(refusal, device.switches)
