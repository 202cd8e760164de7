"""How a router refuses: a ``!trap`` with a category and a message."""

from __future__ import annotations

MISSING, ARGUMENT, INTERRUPTED, SCRIPTING, GENERAL = 0, 1, 2, 3, 4


class Trap(Exception):
    """A command was refused; ``category`` is None where routers leave it out."""

    def __init__(self, message: str, category: int | None = None) -> None:
        """Refuse with the router's words."""
        super().__init__(message)
        self.message = message
        self.category = category


def no_such_item() -> Trap:
    """Make the answer to an id that isn't, or is no longer, in the menu."""
    return Trap("no such item", MISSING)


def not_permitted() -> Trap:
    """Make the answer to a user whose group lacks a policy."""
    return Trap("not enough permissions (9)")


def failure(text: str) -> Trap:
    """Make the answer to words that are right one by one and wrong together."""
    return Trap(f"failure: {text}")
