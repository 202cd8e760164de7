"""Operational commands about locks."""

from __future__ import annotations

from knockctl_panos.twin.device import answers, locks, markup
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.operations import Asked, command
from knockctl_panos.twin.device.refusals import INVALID_COMMAND, NO_OBJECT, Refusal


@command("request config-lock add")
def add_config_lock(asked: Asked) -> Answer:
    """Lock the candidate of a scope."""
    comment = asked.node.findtext("comment", "")
    now = asked.device.clock.now()
    asked.device.locks.take_config(asked.actor, _scope(asked), comment, now)
    return answers.text(
        f"Successfully acquired lock. Other administrators will not be able to "
        f"modify configuration for scope {_scope(asked)}"
    )


@command("request config-lock remove")
def remove_config_lock(asked: Asked) -> Answer:
    """Unlock the candidate of a scope."""
    asked.device.locks.drop_config(asked.actor, _scope(asked))
    return answers.text(f"Config lock released for scope {_scope(asked)}")


@command("request commit-lock add")
def add_commit_lock(asked: Asked) -> Answer:
    """Hold back others' commits."""
    comment = asked.node.findtext("comment", "")
    now = asked.device.clock.now()
    asked.device.locks.take_commit(asked.actor, _scope(asked), comment, now)
    return answers.text("Successfully acquired commit lock")


@command("request commit-lock remove")
def remove_commit_lock(asked: Asked) -> Answer:
    """Give a commit lock back."""
    admin = asked.node.findtext("admin") or asked.actor.name
    asked.device.locks.drop_commit(asked.actor, _scope(asked), admin)
    return answers.text("Successfully removed commit lock")


@command("show config-locks")
def config_locks(asked: Asked) -> Answer:
    """List configuration locks."""
    held = list(asked.device.locks.config.values())
    return answers.result(locks.listed("config-locks", _listed(asked, held)))


@command("show commit-locks")
def commit_locks(asked: Asked) -> Answer:
    """List commit locks."""
    return answers.result(locks.listed("commit-locks", _listed(asked, asked.device.locks.commit)))


def _listed(asked: Asked, held: list[locks.Lock]) -> list[locks.Lock]:
    wanted = asked.node.findtext("vsys") or asked.node.findtext("device-group")
    if wanted is None and asked.device.switches.wants_vsys_for_locks:
        raise Refusal(INVALID_COMMAND, "vsys not provided")
    if wanted in (None, "all"):
        return held
    return [lock for lock in held if lock.scope == wanted]


def _scope(asked: Asked) -> str:
    """Return what a lock is about: the request's ``vsys``, which also names device groups."""
    device, wanted = asked.device, asked.vsys or "shared"
    if device.switches.panorama:
        groups = device.trees.candidate.findall("devices/entry/device-group/entry")
        known = [markup.name_of(entry) for entry in groups]
    else:
        known = list(device.switches.vsys)
    if wanted not in ("shared", *known):
        raise Refusal(NO_OBJECT, f"{wanted} is not a valid scope")
    return wanted
