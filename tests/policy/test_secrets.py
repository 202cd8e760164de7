"""References: where secrets come from, what is refused, and that nothing tells them."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import PasswordSetError

from knockctl.errors import ConfigurationError, PolicyError, SecretError
from knockctl.lint.arithmetic import lint
from knockctl.policy import redaction, wellformed
from knockctl.policy.loader import check_together, load_policy, parse_sequence, resolve
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.policy.secrets import SecretResolver
from knockctl.policy.show import show
from knockctl.ports import Span
from knockctl.yamlfile import Where
from tests.fixtures.lab import ROOT

SECRET = """\
name: good
sequence: env:DOOR
step_timeout: 10s
grant: {services: [tcp/22], duration: 30m}
"""
INLINE = SECRET.replace("env:DOOR", "[tcp/1001, {port: udp/1002, payload: WORD}]")


def write(tmp_path, text, name="p.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


# --- what a secret sequence looks like ------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "tcp/41001, udp/41002",
        "tcp/41001 udp/41002\n",
        "[tcp/41001, udp/41002]",
        '["tcp/41001","udp/41002"]',
        "- tcp/41001\n- udp/41002\n",
        "tcp/41001,\nudp/41002,\n",
    ],
)
def test_a_secret_sequence_is_a_list_in_any_common_form(text):
    knocks = parse_sequence(text, Where())
    assert [(k.protocol, k.port) for k in knocks] == [("tcp", 41001), ("udp", 41002)]
    assert all(k.secret for k in knocks)
    assert "4100" not in repr(knocks)
    assert redaction.redact("- a, b [c] tcp/41001") == "- a, b [c] ***"


@pytest.mark.parametrize("text", ["[]", ",", ",".join(f"tcp/{n}" for n in range(41001, 41022))])
def test_a_secret_sequence_has_one_to_twenty_knocks(text):
    with pytest.raises(PolicyError, match="it needs 1 to 20") as caught:
        parse_sequence(text, Where())
    assert "4100" not in str(caught.value)


def test_a_secret_passphrase_is_no_longer_than_an_inline_one(tmp_path, monkeypatch):
    monkeypatch.setenv("LONG", "canary" * 11)
    loaded = load_policy(write(tmp_path, INLINE.replace("WORD", "env:LONG")))
    with pytest.raises(PolicyError, match="longer than 64") as caught:
        resolve(loaded, SecretResolver())
    assert "p.yaml:2: sequence[1].payload" in str(caught.value)
    assert "canary" not in str(caught.value)


# --- what is checked without resolving ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SECRET + "wrong_knock: lockout\n", "p.yaml:5: wrong_knock: this locks out"),
        (SECRET + "public: [tcp/22]\n", "p.yaml:5: public: tcp/22 is public and a service"),
        (SECRET + "previous: [tcp/5, tcp/5]\n", "p.yaml:5: previous[1]: knock 2"),
        (INLINE.replace("WORD", "env:W").replace("udp", "tcp"), "only a UDP datagram can"),
        (SECRET.replace("env", "evn"), "p.yaml:2: sequence: unknown kind of secret 'evn'"),
    ],
)
def test_a_policy_with_references_is_checked_as_far_as_it_is_known(tmp_path, text, said):
    with pytest.raises(ConfigurationError) as caught:
        load_policy(write(tmp_path, text))
    assert said in str(caught.value)


# --- sources --------------------------------------------------------------------------------------


def test_unusable_paths_are_told(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "latin").write_bytes(b"\xe9")
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "latin").chmod(0o600)
    (tmp_path / "folder").mkdir(0o700)
    resolver = SecretResolver((tmp_path,))
    for path, said in (
        ("~no-such-user/key", "no usable path"),
        ("a\0b", "no usable path"),
        ("pipe", "not a regular file"),
        ("folder", "(?i)not a regular file|is a directory"),
        ("latin", "not a text in UTF-8"),
    ):
        with pytest.raises(SecretError, match=said):
            resolver.resolve(f"file:{path}", tmp_path)
    with pytest.raises(SecretError):
        resolver.resolve("file:loop/key", tmp_path)


def test_a_link_out_of_the_allowed_folder_does_not_lead_out(tmp_path):
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    outside.write_text("canary")
    outside.chmod(0o600)
    (allowed / "key").symlink_to(outside)
    with pytest.raises(SecretError, match="not allowed"):
        SecretResolver((allowed,)).resolve("file:key", allowed)


def test_commands_get_no_shell_and_their_output_is_not_told(tmp_path):
    resolver = SecretResolver((), ("echo", "sh", "no-such-program-here"))
    assert resolver.resolve("cmd:echo a;id $HOME `id`") == "a;id $HOME `id`"
    for command, said in (
        ("sh -c 'echo canary; echo canary >&2; exit 3'", "ended with exit code 3"),
        (r"sh -c 'printf canary\\377'", "UnicodeDecodeError"),
        ("echo a\0", "ValueError"),
        ("no-such-program-here", "FileNotFoundError"),
    ):
        with pytest.raises(SecretError, match=said) as caught:
            resolver.resolve(f"cmd:{command}", tmp_path)
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_an_environment_that_is_no_text_is_told(monkeypatch):
    monkeypatch.setenv("DOOR", "canary\udcff")
    with pytest.raises(SecretError, match="DOOR is not a text in UTF-8") as caught:
        SecretResolver().resolve("env:DOOR")
    assert "canary" not in str(caught.value)


class KeyRing(KeyringBackend):
    """A key ring that holds one password."""

    priority = 1

    def get_password(self, service, username):
        return "tcp/41001" if (service, username) == ("door", "bob") else None

    def set_password(self, *_details):
        raise PasswordSetError("read only")


@pytest.fixture
def use_keyring():
    """Make a back end the one in use; afterwards the one before is."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_a_key_ring_is_asked_for_service_and_user(use_keyring):
    use_keyring(KeyRing())
    assert SecretResolver().resolve("keyring:door/bob") == "tcp/41001"
    with pytest.raises(SecretError, match="run keyring set door alice"):
        SecretResolver().resolve("keyring:door/alice")


def test_a_key_ring_that_is_not_there_is_told(use_keyring):
    use_keyring(NoKeyring())
    with pytest.raises(SecretError, match="keyring: not usable here: NoKeyringError"):
        SecretResolver().resolve("keyring:door/bob")


def test_plugins_bring_more_kinds_and_a_broken_one_harms_none(tmp_path):
    info = tmp_path / "vault-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vault\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[knockctl.secrets]\nvault = vault:read\nbroken = no_such_module:read\nangry = vault:fail\n"
    )
    (tmp_path / "vault.py").write_text(
        "def read(text): return 'secret of ' + text\ndef fail(text): raise KeyError('canary')\n"
    )
    program = (
        "from knockctl.errors import SecretError\n"
        "from knockctl.policy.secrets import SecretResolver, is_reference\n"
        "print(is_reference('vault:x'), SecretResolver().resolve('vault:door'))\n"
        "for kind in ('broken', 'angry', 'nothing'):\n"
        "    try: SecretResolver().resolve(kind + ':x')\n"
        "    except SecretError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "True secret of door",
        "broken: the plugin failed with ModuleNotFoundError",
        "angry: the plugin failed with KeyError",
        "unknown kind of secret 'nothing'",
        "  hint: write one of env:, file:, keyring:, cmd:, angry:, broken:, lab:, vault:",
    ]


# --- nothing tells a secret -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    ["sesame" * 11, "[sesame]", "{sesame: sesame}", "!!int 77177", "{a: sesame, a: b}"],
    ids=["long", "list", "mapping", "number", "twice"],
)
def test_a_wrong_passphrase_is_not_quoted(tmp_path, payload):
    with pytest.raises(ConfigurationError) as caught:
        load_policy(write(tmp_path, INLINE.replace("WORD", payload)))
    assert "p.yaml:2" in str(caught.value)
    for canary in ("sesame", "77177"):
        assert canary not in str(caught.value)
        assert canary not in repr(caught.value)


def test_a_canary_in_every_secret_is_found_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("DOOR", "tcp/47117 udp/47118 tcp/47119")
    monkeypatch.setenv("WORD", "sesame word")
    resolver = SecretResolver()
    one = resolve(load_policy(write(tmp_path, SECRET)), resolver)
    text = INLINE.replace("name: good", "name: two").replace("WORD", "env:WORD")
    loaded = load_policy(write(tmp_path, text.replace("1001", "47119"), "two.yaml"))
    two = resolve(loaded, resolver)
    said = [repr(one), repr(two), repr(loaded), str(show(one)), str(lint(one))]
    assert two.generations[0].knocks[1].payload == b"sesame word"
    said[1:3] = [text.replace("47119", "") for text in said[1:3]]  # inline, and so no secret
    with pytest.raises(ConfigurationError) as caught:
        check_together([one, two], "host1")
    said.append(str(caught.value))
    for shown in said:
        assert not any(canary in shown for canary in ("47117", "47118", "47119", "sesame"))
    assert "sesame" not in redaction.redact(str(show(two, reveal=True)))


def test_an_inline_port_does_not_tell_the_secret_one_it_equals():
    secret = Generation(2, (Knock("tcp", 47117, secret=True), Knock("tcp", 5, secret=True)))
    inline = Generation(1, (Knock("tcp", 9), Knock("tcp", 47117)))
    both = ResolvedPolicy("p", (inline, secret), 10, (Span("tcp", 22, 22),), 60)
    found = wellformed.check(both)
    assert [f.path for f in found] == [("previous", 1)]
    assert "47117" not in found[0].message


def test_log_records_are_masked_arguments_and_tracebacks_included():
    redaction.register("canary")
    record = logging.LogRecord("x", 20, "f", 1, "%s and %d", ("canary", 5), None, None, "canary")
    record.stack_info = "in canary"
    try:
        raise ValueError("canary")  # noqa: TRY301
    except ValueError:
        record.exc_info = sys.exc_info()
    assert redaction.RedactingFilter().filter(record)
    text = logging.Formatter("%(message)s").format(record)
    assert "canary" not in text
    assert text.startswith("*** and 5")


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="*"), min_size=4).filter(
        lambda text: any(c.isalpha() for c in text)
    ),
    st.text("xyz ", max_size=5),
)
def test_a_registered_secret_is_in_no_redacted_text_however_it_is_quoted(secret, around):
    redaction.reset()
    redaction.register(secret)
    for form in (secret, secret.strip(), repr(secret.strip())[1:-1]):
        masked = redaction.redact(f"{around}{form}{around}")
        assert len(secret.strip()) < redaction.WHOLE_WORD_BELOW or form not in masked


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_a_secret_port_is_masked_as_a_whole_number_only(port, other):
    redaction.reset()
    redaction.register(str(port))
    expected = "***" if port == other else str(other)
    assert redaction.redact(f"tcp/{other}, dport {other}") == f"tcp/{expected}, dport {expected}"
    assert redaction.redact_data([other, {"a": other}]) == [
        "***" if port == other else other,
        {"a": "***" if port == other else other},
    ]


def test_secrets_may_be_registered_while_others_redact():
    names = [f"secret{number:04}" for number in range(200)]

    def register_then_redact(name):
        redaction.register(name)
        return redaction.redact(f"a {name} b")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(register_then_redact, names)) == {"a *** b"}
