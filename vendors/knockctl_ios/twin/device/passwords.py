"""How IOS keeps secrets: in the clear (0), MD5-crypt (5), and the reversible type 7."""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"
_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))


def hashed(secret: str, salt: str = "") -> str:
    """Return ``$1$salt$hash``, with a salt of its own unless one is given."""
    salt = salt or "".join(secrets.choice(_ALPHABET[2:]) for _ in range(4))
    word, grain = secret.encode(), salt.encode()
    inner = _md5(word + grain + word)
    text = word + b"$1$" + grain + (inner * (len(word) // 16 + 1))[: len(word)]
    bits = len(word)
    while bits:
        text += b"\0" if bits & 1 else word[:1]
        bits >>= 1
    final = _md5(text)
    for turn in range(1000):
        mixed = word if turn & 1 else final
        mixed += grain if turn % 3 else b""
        mixed += word if turn % 7 else b""
        final = _md5(mixed + (final if turn & 1 else word))
    return f"$1${salt}${_printed(final)}"


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _printed(final: bytes) -> str:
    found = ""
    for a, b, c in _ORDER:
        found += _digits(final[a] << 16 | final[b] << 8 | final[c], 4)
    return found + _digits(final[11], 2)


def _digits(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 6 * at & 63] for at in range(count))


def fits(kept: str, given: str) -> bool:
    """Tell whether a secret is the one of ``0 text``, ``5 hash`` or ``7 text``."""
    kind, _, value = kept.partition(" ")
    if kind == "5":
        given = hashed(given, value.split("$")[2])
    elif kind == "7":
        value = _revealed(value)
    return secrets.compare_digest(value.encode(), given.encode())


def _revealed(text: str) -> str:
    seed, codes = int(text[:2]), bytes.fromhex(text[2:])
    return "".join(chr(code ^ ord(_KEY[(seed + at) % len(_KEY)])) for at, code in enumerate(codes))
