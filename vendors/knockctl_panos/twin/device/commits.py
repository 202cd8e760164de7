"""Commits and validations: what is asked for, and the jobs that do it."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import answers, checks, markup, pushes
from knockctl_panos.twin.device.accounts import Actor
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.appliance import Appliance
from knockctl_panos.twin.device.jobs import Outcome
from knockctl_panos.twin.device.refusals import DENIED, IMPOSSIBLE, INVALID_COMMAND, Refusal
from knockctl_panos.twin.device.trees import Change, Plan

NOTHING = "There are no changes to commit."
BUSY = "Another commit/validate is in progress. Please try again later"


@dataclass(frozen=True)
class Scope:
    """What a commit, a validation or a revert is about; empty means all."""

    admins: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    """Vsys or device groups."""
    without: tuple[str, ...] = ()

    def covers(self, change: Change) -> bool:
        """Tell whether a change belongs to it."""
        if self.admins and change.admin not in self.admins:
            return False
        if self.places and change.scope not in self.places:
            return False
        kind = change.scope if change.scope in _PARTS else "policy-and-objects"
        return not {kind, "shared-object" if kind == "shared" else kind} & set(self.without)

    @property
    def whole(self) -> bool:
        """It leaves nothing out."""
        return self == Scope()


_PARTS = ("device-and-network", "shared")
_EXCLUDED = ("device-and-network", "policy-and-objects", "shared-object")


def scope(partial: Element | None) -> Scope:
    """Read ``<partial>``; None is all.

    Raises:
        Refusal: it has what this device does not know.
    """
    if partial is None:
        return Scope()
    for child in partial:
        if child.tag not in (*_EXCLUDED, "admin", "vsys", "device-group", "no-vsys", "no-template"):
            raise Refusal(INVALID_COMMAND, f" commit -> partial -> {child.tag} unexpected here")
    places = markup.words(partial, "vsys") + markup.words(partial, "device-group")
    without = [tag for tag in _EXCLUDED if partial.find(tag) is not None]
    return Scope(tuple(markup.words(partial, "admin")), tuple(places), tuple(without))


def request(device: Appliance, actor: Actor, cmd: str, action: str) -> Answer:
    """Answer ``type=commit``.

    Raises:
        Refusal: not allowed, locked, busy, or not understood.
    """
    actor.may("commit")
    command = markup.read(cmd or "<commit></commit>")
    if command.tag == "commit-all":
        return pushes.request(device, actor, command)
    if command.tag != "commit":
        raise Refusal(INVALID_COMMAND, f"{command.tag} unexpected here")
    partial = command.find("partial")
    forced = command.find("force")
    if forced is not None and partial is None:
        partial = forced.find("partial")
    asked = scope(partial)
    if action == "validate" or command.find("validate") is not None:
        return validation(device, actor, asked)
    _own(actor, asked)
    _free(device)
    device.locks.permit_commit(actor)
    if not device.trees.dirty(asked.covers) and forced is None:
        return answers.said(NOTHING, line=device.switches.no_changes_in_line)
    return _enqueue(device, actor, asked, markup.text_of(command.find("description")))


def _own(actor: Actor, asked: Scope) -> None:
    if not actor.role.superuser and set(asked.admins) - {actor.name}:
        raise Refusal(DENIED, "Not authorized to commit changes of other administrators")


def _free(device: Appliance) -> None:
    if device.jobs.busy and not device.switches.commits_queue:
        raise Refusal(IMPOSSIBLE, BUSY)


def _enqueue(device: Appliance, actor: Actor, asked: Scope, description: str) -> Answer:
    planned: list[Plan | Refusal] = []

    def begin() -> None:
        planned.append(_plan(device, asked))

    def end() -> Outcome:
        (plan,) = planned
        if isinstance(plan, Refusal):
            return Outcome(ok=False, lines=("Commit failed", *plan.lines))
        wrong = [*device.faults.validation_fails, *checks.problems(plan.tree)]
        if wrong:
            head = "Validation Error:"
            return Outcome(ok=False, lines=(head, *wrong, "Commit failed"))
        if device.faults.commit_fails:
            return Outcome(ok=False, lines=(*device.faults.commit_fails, "Commit failed"))
        device.trees.finish(plan, device.clock.now(), actor.name, description)
        both = device.switches.commit_releases_config_locks
        device.locks.committed(actor.name, both=both)
        device.committed()
        if device.ha.state is not None:
            device.synchronize()
        return Outcome(ok=True, lines=("Configuration committed successfully",))

    job = device.jobs.add(
        "Commit", actor.name, device.switches.commit_time, begin, end, description
    )
    return answers.enqueued("Commit job", job.number)


def _plan(device: Appliance, asked: Scope) -> Plan | Refusal:
    try:
        return device.trees.plan(device.trees.dirty(asked.covers))
    except Refusal as refusal:
        return refusal


def validation(device: Appliance, actor: Actor, asked: Scope) -> Answer:
    """Queue a validation of the candidate, or of what a partial commit would make.

    Raises:
        Refusal: not allowed, or busy.
    """
    actor.may("commit")
    _free(device)
    planned: list[Plan | Refusal] = []

    def end() -> Outcome:
        (plan,) = planned
        if isinstance(plan, Refusal):
            return Outcome(ok=False, lines=plan.lines)
        wrong = [*device.faults.validation_fails, *checks.problems(plan.tree)]
        if wrong:
            lines = ("Validation Error:", *wrong, "Configuration is invalid")
            return Outcome(ok=False, lines=lines)
        return Outcome(ok=True, lines=("Configuration is valid",))

    def begin() -> None:
        planned.append(_plan(device, asked))

    job = device.jobs.add("Validate", actor.name, device.switches.commit_time, begin, end)
    return answers.enqueued("Validate job", job.number)
