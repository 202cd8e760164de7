"""Operational commands about configurations: print, list, revert, save, load, validate."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import answers, commits, markup
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.clock import stamp
from knockctl_panos.twin.device.operations import Asked, command
from knockctl_panos.twin.device.refusals import IMPOSSIBLE, NOT_FOUND, Refusal


@command("show config running")
def config_running(asked: Asked) -> Answer:
    """Print the running configuration."""
    return answers.result(markup.clone(asked.device.trees.running))


@command("show config candidate")
def config_candidate(asked: Asked) -> Answer:
    """Print the candidate, bookkeeping included."""
    return answers.result(markup.clone(asked.device.trees.candidate))


@command("show config pushed-shared-policy")
def config_pushed(asked: Asked) -> Answer:
    """Print what Panorama has pushed."""
    pushed = asked.device.pushed
    inner = [markup.make("panorama", list(pushed))] if pushed is not None else []
    return answers.result(markup.make("policy", inner))


@command("show config saved")
def config_saved(asked: Asked) -> Answer:
    """Print a saved snapshot."""
    return answers.result(markup.clone(_saved(asked, markup.text_of(asked.node))))


@command("show config list changes")
def config_changes(asked: Asked) -> Answer:
    """List what is changed and not committed, entry by entry."""
    entries = []
    changes = asked.device.trees.changes
    for change, place in ((c, place) for c in changes for place in c.edit.places):
        entry = markup.make("entry")
        words = {
            "xpath": place,
            "owner": change.admin,
            "action": change.edit.action.upper(),
            "admin-history": change.admin,
            "component-type": change.scope,
        }
        for tag, text in words.items():
            markup.under(entry, tag, text)
        entries.append(entry)
    return answers.result(markup.make("journal", entries))


@command("show config list change-summary")
def config_summary(asked: Asked) -> Answer:
    """Tell who has changed what kind of thing."""
    changes = asked.device.trees.changes
    summary = markup.make("summary")
    for place in dict.fromkeys(change.scope for change in changes):
        entry = markup.under(summary, "entry", name=place)
        owners = dict.fromkeys(c.admin for c in changes if c.scope == place)
        entry.append(markup.make("admins", [markup.make("member", o) for o in owners]))
    return answers.result(summary)


@command("show config list admins")
def config_admins(asked: Asked) -> Answer:
    """Tell who has changes that are not committed."""
    owners = dict.fromkeys(change.admin for change in asked.device.trees.changes)
    return answers.result(markup.make("admins", [markup.make("entry", o) for o in owners]))


@command("show config audit info")
def config_audit(asked: Asked) -> Answer:
    """List the versions, newest first."""
    entries = []
    for version in reversed(asked.device.trees.versions):
        entry = markup.make("entry")
        words = {
            "version": str(version.number),
            "time": stamp(version.when),
            "admin": version.admin,
            "description": version.description,
        }
        for tag, text in words.items():
            markup.under(entry, tag, text)
        entries.append(entry)
    return answers.result(*entries)


@command("check pending-changes")
def pending_changes(asked: Asked) -> Answer:
    """Tell whether anything is not committed, anybody's."""
    return answers.text("yes" if asked.device.trees.changes else "no")


@command("revert config")
def revert(asked: Asked) -> Answer:
    """Take changes back: all, or some administrators'."""
    scope = commits.scope(asked.node.find("partial"))
    chosen = asked.device.trees.dirty(scope.covers)
    others = {change.admin for change in chosen} - {asked.actor.name}
    if others and not asked.actor.role.superuser and not scope.whole:
        raise Refusal(IMPOSSIBLE, "Not authorized to revert changes of other administrators")
    for place in {change.scope for change in chosen}:
        asked.device.locks.permit_change(asked.actor, place, asked.device.clock.now())
    asked.device.trees.revert(chosen)
    return answers.text("The changes were reverted from configuration")


@command("save config to")
def save(asked: Asked) -> Answer:
    """Save the candidate under a name."""
    name = markup.text_of(asked.node)
    tree = markup.clone(asked.device.trees.candidate)
    markup.unmark(tree)
    asked.device.trees.saved[name] = tree
    return answers.text(f"Config saved to {name}")


@command("load config from")
def load_from(asked: Asked) -> Answer:
    """Replace the candidate by a snapshot, or by the running configuration."""
    return _load(asked, _saved(asked, markup.text_of(asked.node)))


@command("load config version")
def load_version(asked: Asked) -> Answer:
    """Replace the candidate by what was committed once."""
    number = markup.text_of(asked.node)
    for version in asked.device.trees.versions:
        if str(version.number) == number:
            return _load(asked, version.tree)
    raise Refusal(NOT_FOUND, f"version {number} does not exist")


def _saved(asked: Asked, name: str) -> Element:
    trees = asked.device.trees
    if name == "running-config.xml":
        return trees.running
    if name not in trees.saved:
        raise Refusal(NOT_FOUND, f"{name} does not exist")
    return trees.saved[name]


def _load(asked: Asked, tree: Element) -> Answer:
    device, actor = asked.device, asked.actor
    actor.may("config")
    for place in ("shared", *device.switches.vsys):
        device.locks.permit_change(actor, place, device.clock.now())
    device.trees.load(actor.name, device.clock.now(), device.stamp, tree)
    return answers.text("Config loaded")


@command("validate full")
def validate_full(asked: Asked) -> Answer:
    """Queue a validation of the whole candidate."""
    return commits.validation(asked.device, asked.actor, commits.Scope())


@command("validate partial")
def validate_partial(asked: Asked) -> Answer:
    """Queue a validation of what a partial commit would make."""
    return commits.validation(asked.device, asked.actor, commits.scope(asked.node))
