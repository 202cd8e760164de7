"""Sealing: snapshots and plans hold secret ports, so they lie encrypted and authenticated.

ChaCha20-Poly1305 from the ``cryptography`` library; the context (device and change) is bound
in, so that a sealed text can't be moved to another place. Layout: version byte, 4 bytes of
key id, 12 bytes of nonce, ciphertext and tag.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from knockctl.errors import SealError

KEY_BYTES = 32
_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and opens with one key."""

    key: bytes = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """Tells keys apart without telling anything about them."""
        return hashlib.sha256(b"knockctl key id" + self.key).digest()[:_ID_BYTES]

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt; only the same key and context open it."""
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        nonce = os.urandom(_NONCE_BYTES)
        header = _VERSION + self.key_id
        body = ChaCha20Poly1305(self.key).encrypt(nonce, plaintext, header + context.encode())
        return header + nonce + body

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt; raise ``SealError`` telling a wrong key from a changed text."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        start = len(_VERSION) + _ID_BYTES
        header, rest = sealed[:start], sealed[start:]
        if header[:1] != _VERSION or len(rest) < _NONCE_BYTES:
            raise SealError("this is no sealed snapshot of a version known here")
        if header[1:] != self.key_id:
            raise SealError(
                "sealed with another key",
                hint="name the key of the machine that sealed it with seal_key in your own"
                " configuration file",
            )
        nonce, body = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return ChaCha20Poly1305(self.key).decrypt(nonce, body, header + context.encode())
        except InvalidTag:
            raise SealError("the sealed snapshot was changed, or belongs elsewhere") from None


def parse_key(text: str) -> bytes:
    """Read a key as base64 text; raise ``SealError`` without quoting it."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SealError(
            f"the sealing key is not {KEY_BYTES} bytes in base64",
            hint="make one with: head -c 32 /dev/urandom | base64",
        )
    return key


def load_or_create_key(path: Path) -> bytes:
    """Return the key in a 0600 file, made at first use; two first users end up with one key."""
    try:
        if not path.exists():
            _create(path)
        if path.stat().st_mode & 0o077:
            raise SealError(
                f"the sealing key {path} can be read by others", hint=f"run chmod 600 {path}"
            )
        return parse_key(path.read_text(encoding="ascii", errors="replace"))
    except OSError as error:
        raise SealError(f"the sealing key {path} can't be used: {error.strerror}") from None


def _create(path: Path) -> None:
    """Write a whole file beside it, then link it into place: whoever links first, wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
