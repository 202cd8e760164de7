"""Configuration locks and commit locks, one per scope: ``shared``, a vsys, or a device group."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import markup
from knockctl_panos.twin.device.accounts import Actor
from knockctl_panos.twin.device.clock import stamp
from knockctl_panos.twin.device.refusals import DENIED, IMPOSSIBLE, Refusal


@dataclass(frozen=True)
class Lock:
    """Who holds a scope, since when, and why."""

    admin: str
    scope: str
    comment: str
    created: float
    last: float


@dataclass
class Locks:
    """The locks of one device."""

    config: dict[str, Lock] = field(default_factory=dict)
    commit: list[Lock] = field(default_factory=list)

    def take_config(self, actor: Actor, scope: str, comment: str, now: float) -> None:
        """Lock the candidate of a scope.

        Raises:
            Refusal: it is locked, by whomever, or the shared scope is.
        """
        mine = self.config.get(scope)
        if mine is not None and mine.admin == actor.name:
            raise Refusal(IMPOSSIBLE, f"You already own a config lock for scope {scope}")
        for lock in self.config.values():
            touches = scope in (lock.scope, "shared") or lock.scope == "shared"
            if touches and lock.admin != actor.name:
                said = f"Config for scope {lock.scope} is currently locked by {lock.admin}"
                raise Refusal(IMPOSSIBLE, said)
        self.config[scope] = Lock(actor.name, scope, comment, now, now)

    def drop_config(self, actor: Actor, scope: str) -> None:
        """Unlock; only who holds it may, or a superuser.

        Raises:
            Refusal: it is not locked, or another's.
        """
        lock = self.config.get(scope)
        if lock is None:
            raise Refusal(IMPOSSIBLE, f"Config is not currently locked for scope {scope}")
        if lock.admin != actor.name and not actor.role.superuser:
            raise Refusal(
                IMPOSSIBLE, f"Config for scope {scope} is currently locked by {lock.admin}"
            )
        del self.config[scope]

    def take_commit(self, actor: Actor, scope: str, comment: str, now: float) -> None:
        """Hold back commits of others; several administrators can.

        Raises:
            Refusal: the administrator does already.
        """
        if any(lock.admin == actor.name and lock.scope == scope for lock in self.commit):
            raise Refusal(IMPOSSIBLE, f"Commit lock is already held by {actor.name}")
        self.commit.append(Lock(actor.name, scope, comment, now, now))

    def drop_commit(self, actor: Actor, scope: str, admin: str) -> None:
        """Give a commit lock back; another's only as superuser.

        Raises:
            Refusal: there is none, or it is another's.
        """
        found = [lock for lock in self.commit if (lock.admin, lock.scope) == (admin, scope)]
        if not found:
            raise Refusal(IMPOSSIBLE, f"Commit lock is not currently held by {admin}")
        if admin != actor.name and not actor.role.superuser:
            raise Refusal(DENIED, f"Commit lock is held by {admin}")
        self.commit.remove(found[0])

    def permit_change(self, actor: Actor, scope: str, now: float) -> None:
        """Refuse a change of what somebody else has locked.

        Raises:
            Refusal: with who holds it.
        """
        held = [lock for lock in self.config.values() if scope in (lock.scope, "shared")]
        held += [lock for lock in self.config.values() if lock.scope == "shared"]
        for lock in held:
            if lock.admin != actor.name:
                raise Refusal(DENIED, f"Configuration is locked by {lock.admin}")
            self.config[lock.scope] = replace(lock, last=now)

    def permit_commit(self, actor: Actor) -> None:
        """Refuse a commit while others hold a commit lock.

        Raises:
            Refusal: with who holds it.
        """
        for lock in self.commit:
            if lock.admin != actor.name:
                said = f"Other administrators are holding commit locks: {lock.admin}"
                raise Refusal(DENIED, f"Commit failed. {said}")

    def committed(self, admin: str, *, both: bool) -> None:
        """Release what a commit by an administrator releases."""
        self.commit = [lock for lock in self.commit if lock.admin != admin]
        if both:
            self.config = {s: lock for s, lock in self.config.items() if lock.admin != admin}

    def clear(self) -> None:
        """Release all."""
        self.config.clear()
        self.commit.clear()


def listed(tag: str, locks: list[Lock]) -> Element:
    """Print locks as the device lists them, in ``<config-locks>`` or ``<commit-locks>``."""
    container = markup.make(tag)
    for lock in locks:
        entry = markup.under(container, "entry", name=lock.admin)
        markup.under(entry, "type", "shared" if lock.scope == "shared" else "vsys")
        markup.under(entry, "name", lock.scope)
        markup.under(entry, "created", stamp(lock.created))
        markup.under(entry, "last-activity", stamp(lock.last))
        markup.under(entry, "loggedin", "yes")
        markup.under(entry, "comment", lock.comment)
    return container
