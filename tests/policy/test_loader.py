"""Policy files: what is wrong in them is told with file, line, field, found and right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockctl.errors import ConfigurationError, PolicyError, SecretError
from knockctl.lint import lint
from knockctl.lint.check import check
from knockctl.policy import redaction
from knockctl.policy.durations import format_duration, parse_duration
from knockctl.policy.loader import check_together, load_all, load_policy, resolve, resolve_all
from knockctl.policy.schema import policy_schema
from knockctl.policy.secrets import SecretResolver
from knockctl.policy.show import show
from knockctl.ports import Span, common, merged, without
from tests.fixtures.lab import INVENTORY, ROOT

GOOD = """\
name: good
sequence: [tcp/1001, tcp/1002, udp/1003]
step_timeout: 10s
grant: {services: [tcp/22], duration: 30m}
"""


def write(tmp_path, text, name="p.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


WRONG = [
    ("wrong YAML", "name: [", 1, "not valid YAML"),
    ("nothing", "", None, "found nothing"),
    ("a list", "- a", None, "found a list"),
    ("a key twice", "name: a\nname: b", 2, 'duplicate key "name"'),
    (
        "unknown field",
        GOOD + "wrong_knok: reset\n",
        5,
        "unknown field; did you mean 'wrong_knock'?",
    ),
    ("unknown inner field", GOOD.replace("duration", "duraton"), 4, "did you mean 'duration'?"),
    ("missing field", "name: x\n", 1, "step_timeout: this field is required"),
    ("port 70000", GOOD.replace("1002", "70000"), 2, "port 70000 is outside 1-65535"),
    ("port zero", GOOD.replace("1002", "0"), 2, "port 0 is outside 1-65535"),
    ("a range as knock", GOOD.replace("tcp/1002", "tcp/5-9"), 2, "a knock is one port"),
    ("backwards", GOOD.replace("tcp/22", "tcp/9-5"), 4, "write tcp/5-9"),
    ("protocol", GOOD.replace("udp/1003", "icmp/3"), 2, "neither tcp nor udp"),
    ("equal neighbours", GOOD.replace("1002", "1001"), 2, "neighbours must differ"),
    ("ends on its first", GOOD.replace("udp/1003", "tcp/1001"), 2, "end on another port"),
    ("no unit", GOOD.replace("10s", "10"), 3, "write a number and one of s m h d"),
    ("zero duration", GOOD.replace("10s", "0s"), 3, "the shortest is 1s"),
    ("name too long", GOOD.replace("good", "a" * 21), 1, "does not match"),
    ("choice", GOOD + "otherwise: deny\n", 5, "not one of 'pass' or 'refuse'"),
    ("lockout missing", GOOD + "wrong_knock: lockout\n", 5, "add lockout: {duration: 1h}"),
    (
        "trap over a knock",
        GOOD + "traps: [{services: [tcp/1000-1005], lockout: 1m}]\n",
        5,
        "the honest client would be locked out",
    ),
    ("public service", GOOD + "public: [tcp/22]\n", 5, "public and a service"),
    ("public knock", GOOD + "public: [tcp/1001]\n", 5, "is public"),
    ("host bits", GOOD + "trusted: [192.0.2.1/24]\n", 5, "write 192.0.2.0/24"),
    ("not a network", GOOD + "trusted: [here]\n", 5, "not a network"),
    ("payload on TCP", GOOD.replace("tcp/1002", "{port: tcp/1002, payload: x}"), 2, "UDP datagram"),
    (
        "neither list nor reference",
        GOOD.replace("[tcp/1001, tcp/1002, udp/1003]", "tcp/1"),
        2,
        "neither a list of knocks nor a secret reference",
    ),
    (
        "single knock, single use",
        GOOD.replace("[tcp/1001, tcp/1002, udp/1003]", "[tcp/1]").replace(
            "30m", "30m, uses: single"
        ),
        4,
        "unlimited uses only",
    ),
    ("empty sequence", GOOD.replace("[tcp/1001, tcp/1002, udp/1003]", "[]"), 2, "at least 1"),
    (
        "no list",
        GOOD.replace("[tcp/22]", "tcp/22"),
        4,
        "should be a list; found text 'tcp/22'; put",
    ),
    ("no mapping", GOOD + "lockout: 1h\n", 5, "should be a mapping of fields; found text '1h'"),
    ("no text", GOOD + "description: 5\n", 5, "should be text; found number 5; put it in quotes"),
    ("no truth", GOOD + "log: maybe\n", 5, "should be true or false; found text 'maybe'"),
    (
        "a bare number as knock",
        GOOD.replace("udp/1003", "1003"),
        2,
        "sequence[2]: 1003 is not a port",
    ),
    ("digits of elsewhere", GOOD.replace("tcp/22", "tcp/\uff12"), 4, "is not a port"),
    (
        "21 knocks",
        GOOD.replace("[tcp", "[" + "tcp/1, tcp/2, " * 9 + "tcp"),
        2,
        "at most 20 allowed",
    ),
    ("no services", GOOD.replace("[tcp/22]", "[]"), 4, "at least 1"),
]


@pytest.mark.parametrize(("what", "text", "line", "said"), WRONG, ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_told_with_its_place(tmp_path, what, text, line, said):
    del what
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load_policy(path)
    message = str(caught.value)
    assert said in message
    assert f"{path}:{line}" in message if line else str(path) in message
    assert "pydantic" not in message


def test_every_problem_of_a_file_is_told_at_once(tmp_path):
    text = GOOD.replace("1002", "70000").replace("10s", "10").replace("good", "Bad")
    with pytest.raises(ConfigurationError) as caught:
        load_policy(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 3


def test_files_that_are_none(tmp_path):
    with pytest.raises(PolicyError, match="no such policy file"):
        load_policy(tmp_path / "none.yaml")
    with pytest.raises(PolicyError, match="can't be read"):
        load_policy(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(PolicyError, match="UTF-8"):
        load_policy(tmp_path / "latin.yaml")


def test_two_files_may_not_share_a_name(tmp_path):
    write(tmp_path, GOOD, "a.yaml")
    write(tmp_path, GOOD, "b.yaml")
    with pytest.raises(PolicyError, match=r"the name 'good' is taken by a\.yaml"):
        load_all(tmp_path)
    with pytest.raises(PolicyError, match="is taken by"):
        check([tmp_path], None)


def test_all_files_of_a_folder_are_read_before_any_is_complained_about(tmp_path):
    write(tmp_path, GOOD.replace("1002", "70000"), "a.yaml")
    write(tmp_path, GOOD.replace("10s", "10"), "b.yml")
    with pytest.raises(ConfigurationError) as caught:
        load_all(tmp_path)
    assert "a.yaml:2: sequence[1]" in str(caught.value)
    assert "b.yml:3: step_timeout" in str(caught.value)


def test_the_named_policies_are_resolved_and_all_that_can_t_be_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("DOOR", "tcp/41001")
    write(tmp_path, SECRET.replace("DOOR", "NOT_SET"), "a.yaml")
    write(tmp_path, SECRET.replace("good", "two").replace("DOOR", "NOR_THIS"), "b.yaml")
    write(tmp_path, SECRET.replace("good", "three"), "c.yaml")
    loaded = load_all(tmp_path)
    assert list(resolve_all(loaded, ["three"], SecretResolver())) == ["three"]
    with pytest.raises(ConfigurationError) as caught:
        resolve_all(loaded, ["good", "two", "three"], SecretResolver())
    assert "NOT_SET" in str(caught.value)
    assert "NOR_THIS" in str(caught.value)


def test_the_defaults_are_the_designs(tmp_path):
    policy = resolve(load_policy(write(tmp_path, GOOD)), None)
    assert (policy.uses, policy.stray, policy.wrong_knock) == ("unlimited", "ignore", "reset")
    assert (policy.otherwise, policy.refuse, policy.log) == ("pass", "drop", True)
    assert (policy.lockout, policy.scope) == (None, "all")
    assert policy.traps == policy.public == policy.trusted == ()


def test_the_sequence_before_a_rotation_counts_as_well(tmp_path):
    policy = resolve(load_policy(write(tmp_path, GOOD + "previous: [tcp/5, tcp/6]\n")), None)
    assert [g.number for g in policy.generations] == [1, 2]
    assert str(policy.generations[0].knocks[0]) == "tcp/5"
    with pytest.raises(PolicyError, match=r"previous\[1\]: .*first knock of the sequence"):
        load_policy(write(tmp_path, GOOD + "previous: [tcp/5, tcp/1001]\n"))


def test_the_seeds_are_well_formed_and_have_their_own_values():
    seeds = {name: resolve(one, None) for name, one in load_all(INVENTORY / "policies").items()}
    assert sorted(seeds) == ["branch-support", "globalprotect", "router-admin", "ssh-box"]
    gate = seeds["globalprotect"]
    assert (len(gate.generations[0].knocks), gate.step_timeout, gate.lockout) == (5, 60, 3600)
    assert (gate.stray, gate.wrong_knock, gate.grant_duration) == ("lockout", "lockout", 86400)
    assert [t.lockout for t in seeds["router-admin"].traps] == [60000, 60]
    assert seeds["ssh-box"].uses == "single"
    assert str(seeds["branch-support"].generations[0].knocks[0]) == "udp/46543"


def test_the_committed_schema_is_fresh_and_accepts_the_seeds():
    import json

    import jsonschema
    from ruamel.yaml import YAML

    committed = (ROOT / "docs" / "schema" / "policy.schema.json").read_text()
    assert committed == policy_schema()
    folders = (INVENTORY / "policies", ROOT / "inventories" / "example" / "policies")
    for path in (path for folder in folders for path in folder.glob("*.yaml")):
        jsonschema.validate(YAML(typ="safe").load(path), json.loads(committed))


# --- several on one address -----------------------------------------------------------------------

OTHER = GOOD.replace("good", "other").replace("100", "200")


def test_policies_that_do_not_go_together_are_told_with_their_device(tmp_path):
    text = OTHER.replace("tcp/2001", "tcp/1002")
    one = resolve(load_policy(write(tmp_path, GOOD, "a.yaml")), None)
    two = resolve(load_policy(write(tmp_path, text, "b.yaml")), None)
    with pytest.raises(PolicyError) as caught:
        check_together([one, two], "host1")
    assert str(caught.value) == (
        "host1: knock 2 (tcp/1002) of good is a knock of other; on one address a port can't be"
        " both: change one of the policies"
    )


def test_policies_that_share_a_service_go_together(tmp_path):
    one = resolve(load_policy(write(tmp_path, GOOD, "a.yaml")), None)
    two = resolve(load_policy(write(tmp_path, OTHER, "b.yaml")), None)
    check_together([one, two], "host1")


# --- secrets --------------------------------------------------------------------------------------

SECRET = GOOD.replace("[tcp/1001, tcp/1002, udp/1003]", "env:DOOR")


def test_a_reference_is_resolved_only_where_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("DOOR", "tcp/41001, tcp/41002 udp/41003")
    loaded = load_policy(write(tmp_path, SECRET))
    with pytest.raises(SecretError, match="pass --resolve"):
        resolve(loaded, None)
    policy = resolve(loaded, SecretResolver())
    assert [k.port for k in policy.generations[0].knocks] == [41001, 41002, 41003]
    for shown in (repr(policy), str(show(policy)), redaction.redact("dport 41002 and 410021")):
        assert "41002 " not in shown
    assert redaction.redact("dport 41002 and 410021") == "dport *** and 410021"
    assert "41001" in str(show(policy, reveal=True))
    assert redaction.redact_data({"port": 41001, "n": [41002, "udp/41003", True, None]}) == {
        "port": "***",
        "n": ["***", "***", True, None],
    }


@pytest.mark.parametrize(
    "value", ["tcp/41001,tcp/70000", "tcp/41001 tcp/41001", "secretword", "tcp/5-9"]
)
def test_what_is_wrong_with_a_secret_sequence_does_not_tell_it(tmp_path, monkeypatch, value):
    monkeypatch.setenv("DOOR", value)
    with pytest.raises(ConfigurationError) as caught:
        resolve(load_policy(write(tmp_path, SECRET)), SecretResolver())
    message = str(caught.value)
    assert "p.yaml:2" in message
    assert "knock" in message
    for word in ("41001", "70000", "secretword"):
        assert word not in message


def test_references_fail_clearly(tmp_path, monkeypatch):
    resolver = SecretResolver()
    monkeypatch.delenv("NONE_SUCH", raising=False)
    for reference, said in (
        ("env:NONE_SUCH", "NONE_SUCH is not set"),
        (f"file:{tmp_path}/key", "allow_files"),
        ("cmd:pass show door", "allow_commands"),
        ("vault:x", "unknown kind of secret 'vault'"),
        ("keyring:door", "write keyring:SERVICE/USER"),
        ("plain", "not a secret reference"),
    ):
        with pytest.raises(SecretError) as caught:
            resolver.resolve(reference)
        assert said in str(caught.value)


def test_files_and_commands_where_the_operator_allows_them(tmp_path):
    resolver = SecretResolver((tmp_path,), ("echo", "false"))
    path = tmp_path / "key"
    path.write_text("tcp/1 tcp/2\n")
    path.chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        resolver.resolve(f"file:{path}")
    path.chmod(0o600)
    assert resolver.resolve("file:key", tmp_path) == "tcp/1 tcp/2"
    assert resolver.resolve("cmd:echo hello you") == "hello you"
    for reference, said in (
        ("cmd:false", "exit code 1"),
        ("cmd:'", "No closing quotation"),
        ("file:../outside", "not allowed"),
        ("file:none", "No such file"),
        ("cmd:echo", "empty"),
    ):
        with pytest.raises(SecretError, match=said):
            resolver.resolve(reference, tmp_path)


# --- ports and durations --------------------------------------------------------------------------

spans = st.builds(
    lambda protocol, a, b: Span(protocol, min(a, b), max(a, b)),
    st.sampled_from(["tcp", "udp"]),
    st.integers(1, 60),
    st.integers(1, 60),
)
ports = st.lists(spans, max_size=5)


def as_set(several):
    return {(s.protocol, port) for s in several for port in range(s.first, s.last + 1)}


@given(ports, ports)
def test_ports_are_sets(one, two):
    assert as_set(merged(one)) == as_set(one)
    assert as_set(without(one, two)) == as_set(one) - as_set(two)
    assert as_set(common(one, two)) == as_set(one) & as_set(two)
    for span in one:
        assert Span.parse(str(span)) == span


@given(st.integers(1, 10**8))
def test_durations_are_printed_as_they_are_read(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


def test_lint_names_what_is_unwise(tmp_path):
    text = GOOD.replace("udp/1003", "tcp/1003") + "wrong_knock: ignore\n"
    text += "traps: [{services: [tcp/40000], lockout: 1m}]\n"
    path = write(tmp_path, text.replace("[tcp/22]", "[tcp/22, tcp/1002, tcp/40000]"))
    found = check([path], None, lint=lint)[0]
    assert {warned.code for warned in found.warnings} >= {
        "knock-is-service",
        "trap-over-service",
        "trap-over-ephemeral",
        "plain-scan-opens",
        "spoofable-lockout",
        "silent-ports-stand-out",
    }
    scan = next(w for w in found.warnings if w.code == "plain-scan-opens")
    assert [step.packet for step in scan.trace] == ["tcp/1001", "tcp/1002", "tcp/1003"]
    assert "p.yaml:2" in found.describe(scan)
    with pytest.raises(ConfigurationError, match="plain-scan-opens"):
        check([tmp_path], None, strict=True, lint=lint)
    few = write(tmp_path, GOOD.replace("[tcp/1001, tcp/1002, udp/1003]", "[tcp/9]"), "few.yaml")
    assert "once in 131,072" in check([few], None)[0].warnings[0].evidence


def test_check_needs_something_to_check(tmp_path):
    with pytest.raises(PolicyError, match="no policy file"):
        check([tmp_path], None)
    assert check([write(tmp_path, SECRET)], None)[0].resolved is None
