"""The XML API: who asks, for what, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from knockctl_panos.twin.device import (
    answers,
    changes,
    commits,
    configs,
    interfaces,
    lockcommands,
    markup,
    operations,
    states,
    userid,
)
from knockctl_panos.twin.device.accounts import Actor
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.appliance import Appliance
from knockctl_panos.twin.device.refusals import BAD_REQUEST, SUCCESS, Refusal

COMMANDS = (configs, interfaces, lockcommands, operations, states)
"""The modules that register operational commands."""


def answer(device: Appliance, parameters: Mapping[str, str], key: str | None = None) -> Answer:
    """Answer one request; ``key`` is the header's, which a parameter of that name overrides."""
    faults = device.faults
    if faults.refuses():
        return answers.refused(Refusal(faults.refuse_code, faults.refuse_text), device.switches)
    try:
        return _answer(device, parameters, parameters.get("key", key))
    except Refusal as refusal:
        return answers.refused(refusal, device.switches)


def _answer(device: Appliance, parameters: Mapping[str, str], key: str | None) -> Answer:
    kind = parameters.get("type", "")
    if not kind:
        raise Refusal(BAD_REQUEST, 'Missing value for parameter "type".')
    if kind == "keygen":
        made = device.accounts.keygen(parameters.get("user", ""), parameters.get("password", ""))
        return answers.result(markup.make("key", made))
    actor = device.accounts.actor(key)
    target = parameters.get("target")
    if target and device.switches.panorama:
        if target not in device.managed or not device.managed[target].powered:
            raise Refusal(BAD_REQUEST, f"{target} not connected")
        return _dispatch(device.managed[target], actor, kind, parameters)
    return _dispatch(device, actor, kind, parameters)


def _dispatch(device: Appliance, actor: Actor, kind: str, parameters: Mapping[str, str]) -> Answer:
    if kind not in _TYPES:
        raise Refusal(BAD_REQUEST, f'Illegal value for parameter "type" [{kind}].')
    return _TYPES[kind](device, actor, parameters)


def _commit(device: Appliance, actor: Actor, parameters: Mapping[str, str]) -> Answer:
    return commits.request(device, actor, parameters.get("cmd", ""), parameters.get("action", ""))


def _operate(device: Appliance, actor: Actor, parameters: Mapping[str, str]) -> Answer:
    return operations.request(device, actor, parameters.get("cmd", ""), parameters.get("vsys", ""))


def _user_id(device: Appliance, actor: Actor, parameters: Mapping[str, str]) -> Answer:
    vsys = parameters.get("vsys") or "vsys1"
    return userid.request(device, actor, parameters.get("cmd", ""), vsys)


def _export(device: Appliance, _: Actor, parameters: Mapping[str, str]) -> Answer:
    if parameters.get("category") != "configuration":
        raise Refusal(BAD_REQUEST, 'Illegal value for parameter "category".')
    # The candidate, whatever "from" says: so it was measured.
    return Answer(markup.clone(device.trees.candidate))


def _logs(device: Appliance, actor: Actor, parameters: Mapping[str, str]) -> Answer:
    actor.may("logs")
    if parameters.get("action") == "get":
        return answers.result(*device.logs.answer(parameters.get("job-id", "")))
    return answers.enqueued("query job", device.logs.ask(parameters))


def _version(device: Appliance, _: Actor, __: Mapping[str, str]) -> Answer:
    switches = device.switches
    words = {
        "sw-version": switches.version,
        "multi-vsys": "on" if len(switches.vsys) > 1 else "off",
        "model": switches.printed_model,
        "serial": switches.serial,
    }
    nodes = [markup.make(tag, text) for tag, text in words.items()]
    return answers.result(*nodes, code=SUCCESS)


_TYPES: dict[str, Callable[[Appliance, Actor, Mapping[str, str]], Answer]] = {
    "config": changes.request,
    "commit": _commit,
    "op": _operate,
    "user-id": _user_id,
    "log": _logs,
    "export": _export,
    "version": _version,
}
