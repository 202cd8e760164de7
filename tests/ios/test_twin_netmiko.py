"""Unmodified netmiko drives the device."""

import contextlib
import re

import pytest
from netmiko import ConnectHandler
from netmiko.exceptions import ConfigInvalidException, NetmikoAuthenticationException
from ntc_templates.parse import parse_output

from knockctl_ios.twin.device import User

ERRORS = r"^% ?(?:Invalid|Incomplete|Ambiguous|Unknown|Error|.*(?:not configured|in use|cannot))"


@contextlib.contextmanager
def connected(device, user="admin", **more):
    options = {"password": "admin", "port": device.port, "conn_timeout": 20, **more}
    connection = ConnectHandler("127.0.0.1", device_type="cisco_ios", username=user, **options)
    try:
        yield connection
    finally:
        connection.disconnect()


def test_enable_configure_show_and_save(host):
    name = "a-name-of-more-than-20-characters"
    device = host(users=(User("admin", "admin", 1),), enable_secret="sesame", hostname=name)
    with connected(device, secret="sesame") as session:
        assert not session.check_enable_mode()
        session.enable()
        assert session.find_prompt() == f"{name}#"
        lines = ["ip access-list extended A", "permit udp any any eq 123", "deny ip any any log"]
        said = session.send_config_set(lines, error_pattern=ERRORS)
        assert re.search(r"\(config-ext-nacl\)#permit udp any any eq 123\n", said)
        assert session.send_command("show running-config | section extended A") == (
            "ip access-list extended A\n permit udp any any eq ntp\n deny   ip any any log"
        )
        for line in ("no class-map", "policy-map P\nclass X", "foo"):
            with pytest.raises(ConfigInvalidException):
                session.send_config_set(line.split("\n"), error_pattern=ERRORS)
            session.exit_config_mode()
        assert "[OK]" in session.save_config()
        assert "access-list" in session.send_command("show startup-config")
        ask = session.send_command("delete flash:/none", expect_string=r"\?", strip_prompt=False)
        assert "Delete filename [none]?" in ask
        assert "[confirm]" in session.send_command("\n", expect_string="confirm")
        assert "No such file" in session.send_command("\n", expect_string="#")


def test_the_greatest_version_and_a_wrong_password(host):
    device = host(version="17.9.4")
    with pytest.raises(NetmikoAuthenticationException), connected(device, password="wrong"):
        pass
    with connected(device) as session:
        said = session.send_config_set(["class-map type logging match-any L", "hostname xe"])
        assert "% Invalid input detected at '^' marker." in said
        session.set_base_prompt()
        shown = session.send_command("show version")
        (found,) = parse_output("cisco_ios", "show version", shown)
        assert (found["version"], found["hostname"]) == ("17.9.4", "xe")
