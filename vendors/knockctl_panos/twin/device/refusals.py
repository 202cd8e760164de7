"""Why a request is refused, as the device says it."""

from __future__ import annotations

UNKNOWN_COMMAND = 1
BAD_XPATH = 6
NO_OBJECT = 7
NOT_UNIQUE = 8
REFERENCED = 10
INVALID_OBJECT = 12
NOT_FOUND = 13
IMPOSSIBLE = 14
DENIED = 15
UNAUTHORIZED = 16
INVALID_COMMAND = 17
MALFORMED = 18
SUCCESS, CHANGED = 19, 20
TIMED_OUT = 22
BAD_REQUEST, FORBIDDEN = 400, 403
"""PAN-OS XML API Error Codes, 2 to 5, 11 and 21 (internal errors) left out."""


class Refusal(Exception):
    """A request refused, with a code of the API and lines of text."""

    def __init__(self, code: int, *lines: str, plain: bool = False) -> None:
        """Refuse; ``plain`` puts the text into ``msg`` itself, without ``line``."""
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines
        self.plain = plain


def no_such_node() -> Refusal:
    """Make the answer to a read of what is not in the running configuration."""
    return Refusal(NO_OBJECT, "No such node")


def unauthorized(what: str) -> Refusal:
    """Make the answer to what a role does not allow."""
    return Refusal(UNAUTHORIZED, f"Unauthorized request: {what}")
