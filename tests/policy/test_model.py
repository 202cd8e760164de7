"""Policies as data: what is written back reads as the same, and the schema agrees."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from knockctl.errors import PolicyError
from knockctl.policy.model import Policy
from knockctl.policy.schema import policy_schema
from knockctl.yamlfile import MOST_FIELDS, read, validate

protocols = st.sampled_from(["tcp", "udp"])
numbers = st.integers(1, 65535)
knocks = st.builds("{}/{}".format, protocols, numbers)
spans = knocks | st.builds(
    lambda protocol, a, b: f"{protocol}/{min(a, b)}-{max(a, b)}", protocols, numbers, numbers
)
durations = st.builds("{}{}".format, st.integers(1, 9999), st.sampled_from("smhd"))
words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)
payloads = st.fixed_dictionaries(
    {"port": st.builds("udp/{}".format, numbers)}, optional={"payload": words.filter(bool)}
)
sequences = st.lists(knocks | payloads, min_size=1, max_size=20) | st.sampled_from(
    ["env:DOOR", "file:keys/door", "keyring:door/bob", "cmd:pass show door"]
)
traps = st.fixed_dictionaries(
    {"services": st.lists(spans, min_size=1, max_size=3), "lockout": durations},
    optional={"unless_granted": st.booleans()},
)
policies = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True),
        "sequence": sequences,
        "step_timeout": durations,
        "grant": st.fixed_dictionaries(
            {"services": st.lists(spans, min_size=1, max_size=3), "duration": durations},
            optional={
                "uses": st.sampled_from(["unlimited", "single"]),
                "stray": st.sampled_from(["ignore", "revoke", "lockout"]),
            },
        ),
    },
    optional={
        "description": words,
        "previous": sequences,
        "wrong_knock": st.sampled_from(["ignore", "reset", "lockout"]),
        "lockout": st.fixed_dictionaries({}, optional={"duration": durations}),
        "traps": st.lists(traps, max_size=3),
        "public": st.lists(spans, max_size=3),
        "trusted": st.lists(st.sampled_from(["192.0.2.0/24", "2001:db8::/64", "192.0.2.1/32"])),
        "otherwise": st.sampled_from(["pass", "refuse"]),
        "refuse": st.sampled_from(["drop", "reject"]),
        "log": st.booleans(),
    },
)


@given(policies)
def test_a_policy_written_to_yaml_reads_as_the_same(tmp_path_factory, data):
    policy = Policy.model_validate(data)
    path = tmp_path_factory.getbasetemp() / "p.yaml"
    yaml = YAML(typ="safe")
    # In flow style ruamel writes a text such as ?0 bare, and does not read it back.
    yaml.default_flow_style = False
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(policy.model_dump(mode="json"), file)
    assert validate(Policy, read(path, PolicyError, "policy file"), PolicyError) == policy


@given(policies)
@settings(max_examples=30)
def test_what_the_model_accepts_the_schema_accepts(data):
    import jsonschema

    Policy.model_validate(data)
    jsonschema.validate(data, json.loads(policy_schema()))


def test_the_schema_s_defaults_are_written_as_in_a_policy():
    assert json.loads(policy_schema())["$defs"]["Lockout"]["properties"]["duration"]["default"] == (
        "1h"
    )


def test_the_passphrase_is_in_no_repr():
    policy = Policy.model_validate(
        {
            "name": "p",
            "sequence": [{"port": "udp/1", "payload": "canary"}],
            "step_timeout": "1s",
            "grant": {"services": ["tcp/22"], "duration": "1m"},
        }
    )
    assert "canary" not in repr(policy)
    assert "canary" not in str(policy)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("log: " + "9" * 5000, "a number too long, or nested too deep"),
        ("a: " + "[" * 400 + "]" * 400, "a number too long, or nested too deep"),
        ("a: \0", "not valid YAML"),
    ],
    ids=["number", "depth", "zero byte"],
)
def test_what_python_can_t_hold_is_an_error_with_the_file(tmp_path, text, said):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError, match=said) as caught:
        read(path, PolicyError, "policy file")
    assert str(path) in str(caught.value)


def test_a_few_lines_of_aliases_can_t_fill_the_memory(tmp_path):
    ten = ", ".join("x" * 10)
    lines = [f"a0: &a0 [{ten}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert MOST_FIELDS < 10 * 10**8
    path = tmp_path / "p.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(PolicyError, match="write the values out"):
        read(path, PolicyError, "policy file")
