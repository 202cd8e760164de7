"""Unmodified NAPALM drives the device: merge, compare, commit, revert, confirm, replace."""

import contextlib

import pytest
from napalm import get_network_driver
from napalm.base.exceptions import (
    CommandErrorException,
    CommitConfirmException,
    MergeConfigException,
)

MERGE = """\
ip access-list extended ACL_In
 dynamic DACL_In timeout 10 permit tcp any any eq 22
 deny tcp any any eq 22
 permit udp any any eq 46543
event manager applet KNOCK authorization bypass
 event syslog pattern "%CP-6-UDP" maxrun 30
 action 0010 cli command "enable"
end
"""


@contextlib.contextmanager
def driven(device, **options):
    options = {"port": device.port, "conn_timeout": 20, **options}
    driver = get_network_driver("ios")("127.0.0.1", "admin", "admin", optional_args=options)
    driver.open()
    try:
        yield driver
    finally:
        driver.close()


def running(driver):
    """The configuration, as NAPALM reads it, without what NAPALM leaves in it."""
    text = driver.get_config(retrieve="running")["running"]
    lines = [line for line in text.splitlines() if line.strip(" !")]
    return [line for line in lines if line != "file prompt quiet"]


def test_a_merge_is_compared_committed_reverted_and_confirmed(host):
    device = host(addresses=(("192.0.2.14/24", "GigabitEthernet0/0"),))
    with driven(device) as driver:
        facts = driver.get_facts()
        assert facts["hostname"] == "cisco1"
        assert facts["uptime"] == 3600.0
        assert facts["model"] == "CISCO2911/K9"
        assert facts["interface_list"] == ["GigabitEthernet0/0", "GigabitEthernet0/1"]
        before = running(driver)
        driver.load_merge_candidate(config=MERGE)
        assert driver.compare_config().splitlines() == [
            f"+{line}" for line in MERGE.splitlines()[:-1]
        ]
        driver.commit_config(revert_in=120)
        assert driver.has_pending_commit()
        assert driver.compare_config() == ""
        assert " deny   tcp any any eq 22" in running(driver)
        with pytest.raises(CommandErrorException, match="already in progress"):
            driver.commit_config()
        device.advance(120)
        assert not driver.has_pending_commit()
        assert running(driver) == before

        driver.commit_config(revert_in=120)
        driver.rollback()
        assert not driver.has_pending_commit()
        assert running(driver) == before

        driver.commit_config(revert_in=120)
        driver.confirm_commit()
        device.advance(300)
        assert "ip access-list extended ACL_In" in running(driver)
        assert "ACL_In" in driver.get_config(retrieve="startup")["startup"]
        driver.discard_config()
        assert driver.compare_config() == ""
    # What was armed while files were quiet brings that line back: a drift to be ignored.
    assert "file prompt quiet" not in device.running()


def test_the_whole_configuration_is_replaced_and_put_back(host):
    device = host()
    with driven(device) as driver:
        before = running(driver)
        new = driver.get_config(retrieve="running")["running"]
        new = new.replace("hostname cisco1", "hostname other") + "\n"
        driver.load_replace_candidate(config=new)
        assert set(driver.compare_config().splitlines()) == {"+hostname other", "-hostname cisco1"}
        driver.commit_config()
        assert driver.device.find_prompt() == "other#"
        driver.rollback()
        assert running(driver) == before


@pytest.mark.soak  # NAPALM sleeps for eight seconds of it.
def test_a_file_goes_inline_where_scp_is_off(host):
    device = host(scp=False)
    with driven(device) as driver, pytest.raises(CommandErrorException, match="SCP"):
        driver.load_merge_candidate(config=MERGE)
    with driven(device, inline_transfer=True) as driver:
        driver.load_merge_candidate(config=MERGE)
        assert device.do(device.device.text_of, "flash:merge_config.txt") == f"{MERGE}\n"


def test_what_napalm_refuses(host):
    device = host()
    with driven(device) as driver:
        driver.load_merge_candidate(config="hostname other\nhostname\nfoo bar\nend\n")
        with pytest.raises(MergeConfigException, match="Invalid input detected"):
            driver.commit_config()
        assert "hostname cisco1\n" in device.running()
        device.do(device.device.archive.arm, "somebody", 30)
        with pytest.raises(CommandErrorException, match="already in progress"):
            driver.commit_config()
        with pytest.raises(CommitConfirmException, match="not owned by admin"):
            driver.confirm_commit()
        device.do(device.device.archive.confirm)
        device.do(device.device.load, "archive\n no path flash:archive")
        with pytest.raises(CommitConfirmException, match="'archive' feature"):
            driver.commit_config(revert_in=120)
