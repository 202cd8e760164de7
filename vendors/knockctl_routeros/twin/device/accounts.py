"""Who may log in: both forms of login, and what a group allows."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from knockctl_routeros.twin.device.addresses import permits
from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.requests import Actor
from knockctl_routeros.twin.device.store import Item
from knockctl_routeros.twin.device.traps import Trap


def refused() -> Trap:
    """Make the answer to every login that fails, whatever the reason."""
    return Trap("invalid user name or password (6)")


def challenge() -> str:
    """Return what the older form of login begins with: 16 bytes, in hex."""
    return secrets.token_hex(16)


def authenticate(router: Machine, args: Mapping[str, str], asked: str | None, peer: str) -> Actor:
    """Check a login, plain or as the response to a challenge.

    Raises:
        Trap: unknown or disabled user, wrong password, wrong place, or no right to use the API.
    """
    users = router.table("/user").items
    user = next((item for item in users if item.get("name") == args.get("name", "")), None)
    if user is None or not _proved(user.get("password"), args, asked):
        router.say("system,error,critical", f"login failure for user {args.get('name', '')}")
        raise refused()
    policies = granted(router, user)
    if user.get("disabled") == "true" or not permits(user.get("address"), peer):
        raise refused()
    if "api" not in policies:
        raise refused()
    return Actor(user.get("name"), policies)


def _proved(password: str, args: Mapping[str, str], asked: str | None) -> bool:
    if "response" not in args:
        return _same(password, args.get("password", ""))
    if asked is None:
        return False
    secret = b"\0" + _bytes(password) + bytes.fromhex(asked)
    digest = hashlib.md5(secret, usedforsecurity=False).hexdigest()
    return _same(f"00{digest}", args["response"])


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _same(expected: str, given: str) -> bool:
    return secrets.compare_digest(_bytes(expected), _bytes(given))


def granted(router: Machine, user: Item) -> frozenset[str]:
    """Return the policies of a user's group."""
    groups = router.table("/user/group").items
    words = next((g.get("policy") for g in groups if g.get("name") == user.get("group")), "")
    return frozenset(word for word in words.split(",") if word and not word.startswith("!"))
