"""Who may use the API: passwords, keys with a lifetime, and what a role allows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from knockctl_panos.twin.device.clock import Clock
from knockctl_panos.twin.device.refusals import FORBIDDEN, Refusal, unauthorized
from knockctl_panos.twin.device.switches import ROLES, Role, Switches


@dataclass(frozen=True)
class Actor:
    """Who asks."""

    name: str
    role: Role

    def may(self, what: str) -> None:
        """Refuse what the role does not allow: ``config commit operate user_id logs``.

        Raises:
            Refusal: code 16.
        """
        if not getattr(self.role, what):
            raise unauthorized(what)


@dataclass
class Accounts:
    """The administrators of one device, and the keys they were given."""

    switches: Switches
    clock: Clock

    def __post_init__(self) -> None:
        """Take the administrators from the switches."""
        self._admins = {name: (word, ROLES[role]) for name, word, role in self.switches.admins}
        self._keys: dict[str, tuple[str, float]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All administrators."""
        return tuple(self._admins)

    def keygen(self, user: str, password: str) -> str:
        """Make a key; earlier ones stay good.

        Raises:
            Refusal: unknown user, or wrong password.
        """
        expected, _ = self._admins.get(user, ("", None))
        if user not in self._admins or not _same(expected, password):
            raise Refusal(FORBIDDEN, self.switches.bad_credentials)
        key = f"LUFRPT1{secrets.token_hex(32)}=="  # clients send it as it is, so no + or /
        self._keys[key] = (user, self.clock.now())
        return key

    def actor(self, key: str | None) -> Actor:
        """Tell whose key it is.

        Raises:
            Refusal: nobody's, or too old.
        """
        user, issued = self._keys.get(key or "", ("", 0.0))
        lifetime = self.switches.key_lifetime * 60
        if not user:
            raise Refusal(FORBIDDEN, self.switches.bad_credentials)
        if lifetime and self.clock.now() >= issued + lifetime:
            said = self.switches.expired_text or self.switches.bad_credentials
            raise Refusal(FORBIDDEN, said)
        return Actor(user, self._admins[user][1])

    def expire(self) -> None:
        """Let no key be good any more, as ``expire all`` in the device's settings does."""
        self._keys.clear()

    def change_password(self, user: str, password: str) -> None:
        """Set a password; the user's keys are no longer good."""
        self._admins[user] = (password, self._admins[user][1])
        self._keys = {key: kept for key, kept in self._keys.items() if kept[0] != user}


def _same(expected: str, given: str) -> bool:
    return secrets.compare_digest(expected.encode(), given.encode())
