"""Logging in to a router: as whom, with what, and what is told where it fails."""

import base64

import asyncssh
import pytest

from knockctl.change.job import Result
from knockctl.contract import HeldByOperator
from knockctl.errors import (
    AuthenticationFailed,
    HostKeyMismatch,
    PrivilegeError,
    Unreachable,
)
from knockctl_ios.twin.device import User
from tests.fixtures.ios_crew import OUTSIDE, small
from tests.fixtures.ios_site import UNCHECKED


def test_privilege(site):
    users = (User("admin", "admin"), User("low", "low", 1))
    here = site(users=users, enable_secret="s3same")
    low = {**UNCHECKED, "username": "low", "password": "low"}
    with pytest.raises(PrivilegeError, match="low may not") as said:
        here.operator(login=low).driver().__enter__()
    assert "sudo_password" in said.value.hint
    with here.operator(login={**low, "sudo_password": "s3same"}).driver() as driver:
        assert driver.read().config.empty
        driver._timer.possible()
    with pytest.raises(PrivilegeError) as said:
        here.operator(login={**low, "sudo_password": "wr0ng"}).driver().__enter__()
    assert "wr0ng" not in str(said.value)


def test_command_authorization(site):
    here = site(unauthorized=("show running-config",))
    with here.operator().driver() as driver, pytest.raises(PrivilegeError, match="authorization"):
        driver.read()


def test_connecting(site, tmp_path):
    here = site()
    wrong = {**UNCHECKED, "password": "wr0ng-one"}
    with pytest.raises(AuthenticationFailed, match="refused the login of admin") as said:
        here.operator(login=wrong).driver().__enter__()
    assert "wr0ng-one" not in str(said.value)
    known = tmp_path / "known_hosts"
    known.touch()
    checked = {"username": "admin", "password": "admin"}
    ann = here.operator(login=checked, known_hosts=known)
    with pytest.raises(HostKeyMismatch, match="not on record"):
        ann.driver().__enter__()
    from knockctl_ios.twin.device.server import _host_key

    kind, body = _host_key().export_public_key().decode().split()[:2]
    known.write_text(f"[127.0.0.1]:{here.host.port} {kind} {body}\n")
    with ann.driver() as driver:
        facts = driver.facts()
        assert facts.description == "IOS 15.7(3)M8 CISCO2911/K9"
        assert facts.warnings == ()
        assert str(facts.endpoint.source) == "127.0.0.1"
        assert not isinstance(driver, HeldByOperator)
        assert "username" not in driver.read().text
        assert OUTSIDE in driver.read().text
    other = base64.b64encode(base64.b64decode(body)[:-8] + b"another!").decode()
    known.write_text(f"[127.0.0.1]:{here.host.port} {kind} {other}\n")
    with pytest.raises(HostKeyMismatch):
        ann.driver().__enter__()
    here.host.do(here.faults.refuse)
    here.host.served.settle()
    with pytest.raises(Unreachable, match="can't be reached"):
        here.operator().driver().__enter__()


LOGINS = [
    ("good", None, True),
    ("good", "wr0ng", True),
    ("unknown", "admin", True),
    ("locked", "0pen-it", True),
    ("unknown", "wr0ng", False),
    ("locked", "wr0ng", False),
    ("junk", "admin", False),
    ("missing", "admin", False),
]
"""The key, the password, and whether the router lets in whoever has them."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    good, unknown = (asyncssh.generate_private_key("ssh-ed25519", "ann@ops") for _ in range(2))
    good.write_private_key(folder / "good")
    good.write_private_key(folder / "locked", passphrase="0pen-it", rounds=50)
    unknown.write_private_key(folder / "unknown")
    (folder / "junk").write_text("no key")
    return folder, good.export_public_key().decode()


def test_keys_and_passwords(site, keys):
    """The key first; the password where the router refuses the key, on a connection of its own.

    A password alone is what all other tests log in with.
    """
    folder, public = keys
    here = site(users=(User("admin", "admin", key=public),))
    for key, password, fits in LOGINS:
        login = {**UNCHECKED, "password": password, "key_file": folder / key if key else None}
        driver = here.operator(login=login).driver()
        if fits:
            with driver:
                continue
        with pytest.raises(AuthenticationFailed) as said:
            driver.__enter__()
        assert not password or password not in f"{said.value} {said.value.hint}".split()
        assert ("can't be read" in str(said.value)) == (key in ("locked", "junk", "missing"))


def test_a_change_with_a_key_that_the_router_does_not_know(site, keys):
    here = site()
    ann = here.operator(login={**UNCHECKED, "key_file": keys[0] / "unknown"})
    assert ann.run("deploy", small()).result is Result.CONFIRMED
