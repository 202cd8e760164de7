"""The router's API as librouteros, unmodified, meets it: connection, login, print and queries."""

import functools
import hashlib
import socket
import threading

import pytest
from librouteros.exceptions import FatalError, TrapError
from librouteros.login import token
from librouteros.protocol import encode_sentence
from librouteros.query import And, Key, Or

FILTER = "/ip/firewall/filter"


@pytest.fixture
def three(device):
    """A router with three rules, and a session."""
    router = device()
    api = router.connect()
    rules = api.path("ip", "firewall", "filter")
    rules.add(chain="input", comment="one")
    rules.add(chain="input", action="drop", comment="two", disabled=True)
    rules.add(chain="forward", comment="three")
    return rules


def comments(rows):
    return [row["comment"] for row in rows]


# --- connection and login ---


def test_a_user_logs_in_with_name_and_password(device):
    api = device(users=(("ops", "secret", "full"),)).connect("ops", "secret")
    assert tuple(api("/system/identity/print")) == ({"name": "MikroTik"},)


def test_a_user_logs_in_with_the_older_challenge(device):
    router = device(users=(("ops", "secret", "full"),), version="6.49")
    api = router.connect("ops", "secret", login_method=token)
    assert tuple(api("/system/identity/print")) == ({"name": "MikroTik"},)


@pytest.mark.parametrize("method", [None, token])
def test_a_wrong_password_is_refused(device, method):
    router = device(users=(("ops", "secret", "full"),))
    more = {"login_method": method} if method else {}
    with pytest.raises(TrapError, match=r"invalid user name or password \(6\)"):
        router.connect("ops", "guess", **more)


def test_a_disabled_user_and_one_from_elsewhere_are_refused(device):
    router = device(users=(("admin", "", "full"), ("a", "", "full"), ("b", "", "full")))
    users = router.connect().path("user")
    users.update(**{".id": "*2", "disabled": True})
    users.update(**{".id": "*3", "address": "10.0.0.0/8"})
    for name in ("a", "b"):
        with pytest.raises(TrapError):
            router.connect(name)


def test_a_command_before_the_login_ends_the_session(device):
    with pytest.raises(FatalError, match="not logged in"):
        device().connect(login_method=lambda api, *_: tuple(api("/system/identity/print")))


def test_the_refusal_before_the_login_can_be_a_trap(device):
    router = device(not_logged_in="trap")
    with pytest.raises(TrapError, match="not logged in"):
        router.connect(login_method=lambda api, *_: tuple(api("/system/identity/print")))


def test_tls_is_verified_by_an_ordinary_context(device, certificate):
    server, client = certificate
    router = device(tls=server)
    wrap = functools.partial(client.wrap_socket, server_hostname="127.0.0.1")
    api = router.connect(port=router.host.tls_port, ssl_wrapper=wrap)
    assert next(iter(api("/user/active/print")))["via"] == "api-ssl"


def test_many_sessions_work_at_once(device):
    router = device()

    def work(number):
        rules = router.connect().path("ip", "firewall", "filter")
        for count in range(10):
            rules.add(chain=f"c{number}", comment=str(count))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = router.rows(FILTER)
    assert len({row[".id"] for row in rows}) == 80
    for number in range(8):
        mine = [row["comment"] for row in rows if row["chain"] == f"c{number}"]
        assert mine == [str(count) for count in range(10)]


def test_quit_is_answered_with_fatal(device):
    with pytest.raises(FatalError, match="session terminated on request"):
        tuple(device().connect()("/quit"))


def test_a_disabled_service_answers_nobody_new(device):
    router = device()
    api = router.connect()
    api.path("ip", "service").update(**{".id": "api", "disabled": True})
    with pytest.raises(OSError, match=r".*"):
        socket_of(router).recv(1)
    assert tuple(api("/system/identity/print"))


def socket_of(router):
    wire = socket.create_connection(("127.0.0.1", router.host.port), timeout=5)
    router.stack.callback(wire.close)
    wire.sendall(encode_sentence("/login", encoding="utf-8"))
    if wire.recv(1) == b"":
        raise ConnectionResetError
    return wire


def test_tags_come_back_in_every_sentence_and_empty_sentences_are_ignored(device):
    router = device()
    wire = socket.create_connection(("127.0.0.1", router.host.port), timeout=5)
    router.stack.callback(wire.close)
    wire.sendall(b"\0\0" + encode_sentence("/login", "=name=admin", "=password=", encoding="utf-8"))
    assert wire.recv(100) == encode_sentence("!done", encoding="utf-8")
    sentence = encode_sentence("/system/identity/print", ".tag=7", encoding="utf-8")
    wire.sendall(sentence)
    expected = encode_sentence("!re", ".tag=7", "=name=MikroTik", encoding="utf-8")
    expected += encode_sentence("!done", ".tag=7", encoding="utf-8")
    received = b""
    while len(received) < len(expected):
        received += wire.recv(100)
    assert received == expected


@pytest.mark.parametrize("size", [0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000])
def test_words_of_every_length_go_both_ways(device, size):
    api = device().connect()
    text = hashlib.sha256(b"").hexdigest()[:1] * size
    api.path("system", "script").add(name="long", source=text)
    assert next(iter(api("/system/script/print")))["source"] == text


def test_letters_beyond_ascii_come_back(device):
    api = device().connect()
    api.path("ip", "firewall", "filter").add(chain="input", comment="Tür 门")
    assert next(iter(api(f"{FILTER}/print")))["comment"] == "Tür 门"


@pytest.mark.parametrize("nonsense", [b"\xf8", b"\xf0\xff\xff\xff\xff"])
def test_bytes_that_are_no_sentence_end_the_session(device, nonsense):
    wire = socket.create_connection(("127.0.0.1", device().host.port), timeout=5)
    with wire:
        wire.sendall(nonsense)
        assert wire.recv(1) == b""


# --- print and queries ---


def test_print_answers_rows_in_order_with_their_normal_words(three):
    first = next(iter(three))
    assert first == {
        ".id": "*1",
        "chain": "input",
        "action": "accept",
        "comment": "one",
        "disabled": False,
        "log": False,
        "invalid": False,
        "dynamic": False,
        "bytes": 0,
        "packets": 0,
    }
    assert comments(three) == ["one", "two", "three"]


def test_a_proplist_limits_the_words(three):
    assert tuple(three.select(Key("comment"), Key("dst-port"))) == (
        {"comment": "one"},
        {"comment": "two"},
        {"comment": "three"},
    )


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([Key("chain") == "input"], ["one", "two"]),
        ([Key("disabled") == True], ["two"]),  # noqa: E712 - librouteros asks with it
        ([Key("disabled") != True], ["one", "three"]),  # noqa: E712 - as above
        ([Key("comment").In("one", "three")], ["one", "three"]),
        ([Key("chain") == "input", Key("action") == "drop"], ["two"]),
        ([Key("comment") > "one"], ["two", "three"]),
        ([Key("comment") < "three"], ["one"]),
        ([Or(Key("chain") == "forward", Key("action") == "drop")], ["two", "three"]),
        ([And(Key("chain") == "input", Key("comment") == "one")], ["one"]),
    ],
)
def test_queries_choose_rows(three, conditions, expected):
    assert comments(three.select().where(*conditions)) == expected


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        (["?comment"], 3),
        (["?-comment"], 0),
        (["?dst-port"], 0),
        (["?chain=input", "?action=drop", "?#|!"], 1),
        (["?chain=input", "?#0&"], 2),
    ],
)
def test_queries_by_their_words(three, queries, expected):
    assert len(tuple(three.api.rawCmd(f"{FILTER}/print", *queries))) == expected


def test_an_operator_without_operands_is_refused(three):
    with pytest.raises(TrapError):
        tuple(three.api.rawCmd(f"{FILTER}/print", "?#&"))


def test_count_only_answers_a_number(three):
    assert tuple(three("print", **{"count-only": ""})) == ({"ret": 3},)
    assert tuple(three.api.rawCmd(f"{FILTER}/print", "=count-only=", "?disabled=yes")) == (
        {"ret": 1},
    )


def test_getall_is_an_old_name_of_print(three):
    assert len(tuple(three("getall"))) == 3


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("/ip/firewall/filtre/print", "no such command prefix"),
        ("/ip/firewall/filter/find", "no such command"),
        ("/interface/list/move", "no such command"),
        ("/system/identity/add", "no such command"),
    ],
)
def test_an_unknown_command_is_refused(device, command, message):
    with pytest.raises(TrapError) as caught:
        tuple(device().connect()(command))
    assert (caught.value.message, caught.value.category) == (message, 0)


# --- versions ---


@pytest.mark.parametrize(("version", "empty"), [("6.49", False), ("7.16", False), ("7.20", True)])
def test_a_print_without_rows_says_so_since_7_18(device, version, empty):
    router = device(version=version)
    wire = router.connect()
    wire.protocol.writeSentence("/ip/firewall/filter/print")
    replies = [wire.protocol.readSentence()[0]]
    while replies[-1] != "!done":
        replies.append(wire.protocol.readSentence()[0])
    assert replies == (["!empty", "!done"] if empty else ["!done"])


@pytest.mark.parametrize(
    ("version", "date"), [("6.49", "may/28/2026"), ("7.16", "2026-05-28"), ("7.20", "2026-05-28")]
)
def test_dates_are_in_the_versions_form(device, version, date):
    api = device(version=version).connect()
    clock = next(iter(api("/system/clock/print")))
    assert (clock["date"], clock["time"]) == (date, "20:26:40")
    assert next(iter(api("/system/resource/print")))["version"] == f"{version} (stable)"


def test_the_clock_is_local(device):
    clock = next(iter(device(gmt_offset=7200).connect()("/system/clock/print")))
    assert (clock["time"], clock["gmt-offset"]) == ("22:26:40", "+02:00")
