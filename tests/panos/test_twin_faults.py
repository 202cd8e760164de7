"""What goes wrong on request, as the peer sees it, and what the device has done by then."""

import http.client
import socket
import ssl
import time
import urllib.parse

import pytest
from pan.xapi import PanXapiError

from knockctl_panos.twin.device import Appliance, served
from tests.panos.conftest import VSYS

GONE = (PanXapiError, OSError, http.client.HTTPException)
TAGS = f"{VSYS}/tag"


def tag(api, name):
    api.set(TAGS, f"<entry name='{name}'/>")


def commit(api):
    api.commit("<commit/>", sync=True, interval=0.02)
    return api.element_root.findtext("result/job/result")


def lines(api):
    return [node.text for node in api.element_root.findall("result/job/details/line")]


@pytest.fixture
def pair(device):
    """A device and a session that has its key."""

    def make(**switches):
        made = device(**switches)
        api = made.xapi()
        api.keygen()
        return made, api

    return make


@pytest.mark.parametrize(("executes", "left"), [(True, ["a", "b"]), (False, ["a"])])
def test_the_connection_is_cut_at_the_nth_request(pair, executes, left):
    made, api = pair()
    made.twin.faults.cut_executes, made.twin.faults.cut_at = executes, 2
    tag(api, "a")
    with pytest.raises(GONE):
        tag(api, "b")
    assert made.candidate("tag") == left
    tag(api, "c")
    assert made.candidate("tag") == [*left, "c"]


def test_the_nth_request_and_the_nth_change_are_refused(pair):
    made, api = pair()
    made.twin.faults.refuse_at = 2
    tag(api, "a")
    with pytest.raises(PanXapiError, match="timed out"):
        tag(api, "b")
    made.twin.faults.refuse_change_at = 2
    made.twin.faults.refuse_code, made.twin.faults.refuse_text = 14, "no"
    both = f'<m><set id="1" xpath="{TAGS}"><entry name="c"/></set>'
    both += f'<set id="2" xpath="{TAGS}"><entry name="d"/></set></m>'
    with pytest.raises(PanXapiError):
        api.ad_hoc({"type": "config", "action": "multi-config", "element": both}, modify_qs=True)
    assert [node.get("code") for node in api.element_root] == ["20", "14"]
    assert made.candidate("tag") == ["a"]


@pytest.mark.parametrize(
    ("fault", "said"), [("commit_fails", "disk full"), ("validation_fails", " x is invalid")]
)
def test_commits_fail(pair, fault, said):
    made, api = pair()
    tag(api, "a")
    setattr(made.twin.faults, fault, (said,))
    assert commit(api) == "FAIL"
    assert said in lines(api)
    assert made.running("tag") == []
    setattr(made.twin.faults, fault, ())
    assert commit(api) == "OK"


def test_a_job_hangs(pair):
    made, api = pair(scale=0)
    made.twin.faults.job_hangs = True
    tag(api, "a")
    api.commit("<commit/>")
    made.advance(86_400)
    api.op("<show><jobs><id>1</id></jobs></show>")
    assert api.element_root.findtext("result/job/status") == "ACT"
    assert api.element_root.findtext("result/job/progress") == "99"


def test_a_job_vanishes_and_was_done(pair):
    made, api = pair(scale=0)
    made.twin.faults.job_vanishes = True
    tag(api, "a")
    api.commit("<commit/>")
    made.advance(5)
    with pytest.raises(PanXapiError, match="job 1 not found"):
        api.op("<show><jobs><id>1</id></jobs></show>")
    assert made.running("tag") == ["a"]


@pytest.mark.parametrize(("keeps", "left"), [("old", []), ("new", ["a"])])
def test_the_device_reboots_in_the_middle_of_a_commit(pair, keeps, left):
    made, api = pair(scale=0)
    api.op("<request><config-lock><add/></config-lock></request>", vsys="vsys1")
    faults = made.twin.faults
    faults.reboot_mid_commit, faults.reboot_keeps = True, keeps
    tag(api, "a")
    api.commit("<commit/>")
    made.advance(2)
    made.host.settle()
    with pytest.raises(GONE):
        api.op("show system info", cmd_xml=True)
    made.advance(60)
    made.host.settle()
    assert made.running("tag") == made.candidate("tag") == left
    with pytest.raises(PanXapiError, match="job 1 not found"):
        api.op("<show><jobs><id>1</id></jobs></show>")
    assert bool(made.twin.locks.config)


def test_a_restart_loses_what_does_not_persist(pair):
    made, api = pair(scale=0, locks_survive_reboot=False)
    api.op("<request><config-lock><add/></config-lock></request>", vsys="vsys1")
    tag(api, "a")
    made.do(made.twin.tags.add, "vsys1", "192.0.2.1", "kept")
    made.do(made.twin.tags.add, "vsys1", "192.0.2.1", "lost", persistent=False)
    made.do(made.twin.tags.add, "vsys1", "192.0.2.2", "lost", persistent=False)
    api.op("<request><restart><system/></restart></request>")
    made.advance(1 + 60)
    made.host.settle()
    assert made.candidate("tag") == []
    assert made.do(made.twin.tags.addresses, "vsys1") == ["192.0.2.1"]
    assert list(made.twin.tags.tags("vsys1", "192.0.2.1")) == ["kept"]
    assert made.twin.locks.config == {}


def test_connections_are_refused(pair):
    made, api = pair()
    made.do(made.twin.faults.refuse)
    made.host.settle()
    with pytest.raises(PanXapiError, match="refused"):
        tag(api, "a")
    made.do(made.twin.faults.refuse, refusing=False)
    made.host.settle()
    tag(api, "a")


@pytest.mark.parametrize(("fault", "left"), [("silent", ["a"]), ("deaf", [])])
def test_the_device_stops_answering(pair, fault, left):
    made, api = pair()
    api.timeout = 1
    setattr(made.twin.faults, fault, True)
    with pytest.raises(GONE):
        tag(api, "a")
    assert made.candidate("tag") == left


def test_answers_are_slow(pair):
    made, api = pair()
    made.twin.faults.delay = 0.2
    before = time.monotonic()
    tag(api, "a")
    assert time.monotonic() - before >= 0.2


@pytest.mark.parametrize(("errors", "said"), [(True, "code: 403"), (False, "Invalid Credential")])
def test_a_bad_key_in_both_styles(pair, errors, said):
    made, api = pair(http_errors=errors)
    made.do(made.twin.accounts.expire)
    with pytest.raises(PanXapiError, match=said):
        tag(api, "a")


@pytest.mark.parametrize(
    ("text", "said"), [("API key expired", "API key expired"), ("", "Invalid credentials.")]
)
def test_a_key_is_good_for_its_lifetime(pair, text, said):
    made, api = pair(scale=0, key_lifetime=10, version="10.1.3", expired_text=text)
    made.advance(599)
    tag(api, "a")
    made.advance(1)
    with pytest.raises(PanXapiError, match=said):
        tag(api, "b")
    api.api_key = None
    tag(api, "b")


def test_a_new_password_voids_the_keys(pair):
    made, api = pair()
    assert made.twin.accounts.names == ("admin",)
    made.do(made.twin.accounts.change_password, "admin", "new")
    with pytest.raises(PanXapiError, match="Invalid Credential"):
        tag(api, "a")
    tag(made.xapi(password="new"), "a")


def test_a_device_is_served_by_itself_without_tls(device):
    with served(Appliance()) as host:
        api = device().xapi(use_http=True)
        api.uri = f"http://127.0.0.1:{host.port}/api/"
        tag(api, "a")
        assert host.call(lambda: host.server.device.trees.changes[0].admin) == "admin"


def test_the_certificate_is_verified(pair):
    _, api = pair()
    api.ssl_context = ssl.create_default_context()
    with pytest.raises(PanXapiError, match="CERTIFICATE_VERIFY_FAILED"):
        tag(api, "a")


# --- HTTP ---


@pytest.fixture
def http_client(pair):
    made, api = pair()
    connection = http.client.HTTPSConnection("127.0.0.1", made.host.port, context=made.context)
    yield connection, api.api_key
    connection.close()


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
INFO = urllib.parse.urlencode({"type": "op", "cmd": "<show><system><info/></system></show>"})


def test_a_connection_is_kept_and_the_key_may_be_a_header(http_client):
    connection, key = http_client
    for method in ("POST", "GET", "POST"):
        target = "/api/" if method == "POST" else f"/api?{INFO}"
        body = INFO if method == "POST" else None
        connection.request(method, target, body, {**FORM, "X-PAN-KEY": key})
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"<serial>" in answer.read()
        assert answer.headers["Content-Type"].startswith("application/xml")


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "status"),
    [
        ("PUT", "/api/", None, {}, 405),
        ("GET", "/php/login.php", None, {}, 404),
        ("POST", "/api/", "{}", {"Content-Type": "application/json"}, 415),
        ("POST", "/api/", "a=b", {**FORM, "Transfer-Encoding": "chunked"}, 411),
        ("POST", "/api/", None, {**FORM, "Content-Length": "999999999"}, 413),
        ("GET", "/api/?" + "x" * 100_000, None, {}, 431),
    ],
)
def test_what_is_no_request_to_the_api_is_refused(
    http_client, method, target, body, headers, status
):
    connection, _ = http_client
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == status


def test_what_is_no_http_is_refused_and_silence_harms_nobody(pair):
    made, api = pair()
    for said in (b"", b"hello\r\n\r\n", b"POST /api/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"):
        raw = socket.create_connection(("127.0.0.1", made.host.port), 20)
        with made.context.wrap_socket(raw, server_hostname="127.0.0.1") as wire:
            wire.sendall(said)
            if said.startswith(b"hello"):
                assert b" 400 " in wire.recv(100)
    tag(api, "a")
