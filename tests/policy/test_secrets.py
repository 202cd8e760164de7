"""Secrets from places that are not always there."""

import logging
from types import SimpleNamespace

import keyring
import keyring.backend
import keyring.errors
import pytest

from knockctl.errors import SecretError
from knockctl.policy import redaction, secrets
from knockctl.policy.secrets import SecretResolver, is_reference


class Ring(keyring.backend.KeyringBackend):
    """A key ring in memory."""

    priority = 1

    def get_password(self, service, username):
        if service == "broken":
            raise keyring.errors.KeyringLocked
        return {("door", "ann"): "tcp/1 tcp/2"}.get((service, username))

    def set_password(self, service, username, password):
        raise NotImplementedError


@pytest.fixture
def ring():
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("ring")
def test_the_key_ring():
    assert SecretResolver().resolve("keyring:door/ann") == "tcp/1 tcp/2"
    with pytest.raises(SecretError, match=r"nothing stored for door/bob"):
        SecretResolver().resolve("keyring:door/bob")
    with pytest.raises(SecretError, match="KeyringLocked"):
        SecretResolver().resolve("keyring:broken/ann")


def test_a_plugin_that_fails_tells_nothing(monkeypatch):
    def vault(rest):
        if rest == "bad":
            raise RuntimeError("the secret is hunter22")
        return "opened"

    points = [SimpleNamespace(name="vault", load=lambda: vault)]
    monkeypatch.setattr(secrets, "entry_points", lambda group: points if group else [])
    secrets._plugins.cache_clear()
    try:
        assert is_reference("vault:x")
        assert SecretResolver().resolve("vault:x") == "opened"
        with pytest.raises(SecretError) as caught:
            SecretResolver().resolve("vault:bad")
        assert "hunter22" not in str(caught.value)
    finally:
        secrets._plugins.cache_clear()


def test_logs_are_redacted(caplog):
    redaction.register("hunter22")
    redaction.register("ab")
    logger = logging.getLogger("test")
    logger.addFilter(redaction.RedactingFilter())
    try:
        int("hunter22")
    except ValueError:
        logger.exception("with %s and ab, abc", "hunter22")
    logger.removeFilter(logger.filters[0])
    assert "hunter22" not in caplog.text
    assert "with *** and ***, abc" in caplog.text
