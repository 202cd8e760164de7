"""Sealing: opens with the right key in the right place, and with nothing else."""

from concurrent.futures import ProcessPoolExecutor

import pytest

from knockctl.errors import SealError
from knockctl.policy.seal import Sealer, load_or_create_key, parse_key

SEALER = Sealer(b"1" * 32)


def test_opens_what_it_sealed():
    assert SEALER.open(SEALER.seal(b"ports", "d c"), "d c") == b"ports"
    assert b"ports" not in SEALER.seal(b"ports", "d c")
    assert "1111" not in repr(SEALER)


def test_every_changed_byte_is_noticed():
    sealed = SEALER.seal(b"ports", "d c")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealError):
            SEALER.open(bytes(changed), "d c")


def test_another_place_or_key_does_not_open_it():
    sealed = SEALER.seal(b"ports", "d c")
    with pytest.raises(SealError, match="belongs elsewhere"):
        SEALER.open(sealed, "d other")
    with pytest.raises(SealError, match="another key"):
        Sealer(b"2" * 32).open(sealed, "d c")
    with pytest.raises(SealError, match="no sealed snapshot"):
        SEALER.open(b"", "d c")


def test_two_first_users_end_up_with_one_key(tmp_path):
    path = tmp_path / "state" / "seal.key"
    with ProcessPoolExecutor(4) as pool:
        keys = set(pool.map(load_or_create_key, [path] * 16))
    assert len(keys) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["seal.key"]


def test_bad_keys_are_refused(tmp_path):
    path = tmp_path / "key"
    path.write_text("short")
    path.chmod(0o600)
    with pytest.raises(SealError, match="32 bytes"):
        load_or_create_key(path)
    path.chmod(0o644)
    with pytest.raises(SealError, match="chmod 600"):
        load_or_create_key(path)
    with pytest.raises(SealError, match="can't be used"):
        load_or_create_key(tmp_path / "key" / "below")
    with pytest.raises(SealError):
        parse_key("é")
