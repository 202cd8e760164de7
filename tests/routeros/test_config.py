"""Rows and configs: equal when they mean the same to the router, however they were written."""

from hypothesis import given
from hypothesis import strategies as st

from knockctl_routeros.config.parse import parse_text
from knockctl_routeros.config.records import MENUS, RouterConfig, Row, load, menu_of, own

FILTER = "/ip firewall filter"
LIST = "/ip firewall address-list"
LAYER7 = "/ip firewall layer7-protocol"


def rule(menu=FILTER, **words):
    return Row.of(menu, {key.replace("_", "-"): value for key, value in words.items()})


# --- menus and ownership --------------------------------------------------------------------


def test_a_menu_is_known_by_both_its_paths():
    assert menu_of("/ip/firewall/filter") == menu_of("/ip firewall filter") == FILTER
    assert menu_of("/ip firewall nat") is None


def test_our_rows_are_known_by_their_comment():
    assert rule(comment="knockctl:p1:s1").ours
    assert Row.of(LIST, {"list": "kc-x", "comment": "knockctl:p1:trusted"}).ours
    assert not rule(comment="not knockctl:p1").ours
    assert not rule(chain="kc-p1").ours


# --- configs --------------------------------------------------------------------------------


def jump(mark="", chain="input", menu=FILTER):
    comment = f"knockctl:jump {mark}" if mark else "knockctl:jump"
    return rule(menu, chain=chain, action="jump", jump_target="kc-in", comment=comment)


def stage(number, chain="kc-in"):
    return rule(chain=chain, action="log", comment=f"knockctl:p1:s{number}")


def test_order_counts_within_a_chain_only():
    one, two, other = stage(1), stage(2), stage(3, chain="kc-other")
    config = RouterConfig((one, two, other))
    assert config == RouterConfig((other, one, two)) == RouterConfig((one, other, two))
    assert hash(config) == hash(RouterConfig((other, one, two)))
    assert config != RouterConfig((two, one, other))
    assert config.chain(FILTER, "kc-in") == (one, two)


def test_lists_and_patterns_are_sets():
    a = Row.of(LIST, {"list": "kc-a", "address": "192.0.2.1", "comment": "knockctl:p1"})
    b = Row.of(LAYER7, {"name": "kc-b", "regexp": "^b$", "comment": "knockctl:p1"})
    assert RouterConfig((a, b, a)) == RouterConfig((b, a))
    assert RouterConfig((b, a)).menu(LIST) == (a,)


def test_a_rule_twice_is_not_the_same_as_once():
    assert RouterConfig((stage(1), stage(1))) != RouterConfig((stage(1),))


def test_the_mark_is_no_part_of_the_rows():
    config = RouterConfig((jump("7f3a"), stage(1), jump("7f3a", menu="/ipv6 firewall filter")))
    assert config.revision == "7f3a"
    assert {row.get("comment") for row in config.rows if row.jump} == {"knockctl:jump"}
    assert jump("7f3a") in config.device_rows()
    assert config.marked("9999").device_rows()[1] == jump("9999")
    assert config.same(config.marked("9999"))
    assert config != config.marked("9999")
    assert config.marked(None).revision is None


def test_marks_that_differ_are_no_revision_and_stay_visible():
    config = RouterConfig((jump("one"), jump("two", chain="forward")))
    assert config.revision is None
    assert jump("two", chain="forward") in config.rows
    assert load(config.dump()) == parse_text(config.text()) == config
    assert config.marked("three").revision == "three"


def test_the_mark_of_a_jump_that_is_turned_off_stays_known():
    off = Row.of(jump("7f3a").menu, {**dict(jump("7f3a").words), "disabled": "yes"})
    config = own((off, stage(1)))
    assert config.revision == "7f3a"
    assert not any(row.jump for row in config.rows)
    assert parse_text(config.text()) == load(config.dump()) == config
    assert own((off, jump("9999"))).revision == "9999"
    assert own((stage(1),)).revision is None
    assert RouterConfig().empty
    assert RouterConfig().text() == ""


def test_names_tell_rows_apart_and_mean_nothing():
    rows = (stage(1).named("7f3a.2"), jump("7f3a").named("7f3a.1"))
    config = RouterConfig(rows)
    assert config == RouterConfig((stage(1), jump("7f3a")))
    assert "#" not in config.text()
    assert load(config.dump()).device_rows() == config.device_rows()
    assert set(config.device_rows()) == set(rows)
    assert config.marked("9999").names == config.names
    assert rows[1].mark == "7f3a"
    assert rows[1].marked("9999").name == "7f3a.1"


def test_the_text_is_an_export():
    config = RouterConfig(
        (
            jump("7f3a"),
            rule(
                chain="kc-in",
                action="add-src-to-address-list",
                protocol="tcp",
                dst_port="555",
                tcp_flags="syn,!ack",
                src_address_list="kc-p1-1",
                address_list="kc-p1-2",
                address_list_timeout="30s",
                comment="knockctl:p1:s2",
            ),
            Row.of(LAYER7, {"name": "kc-p1", "regexp": "^a?b$", "comment": "knockctl:p1 secret"}),
            Row.of(LIST, {"list": "kc-m", "address": "192.0.2.1/32", "comment": "knockctl:p1"}),
        )
    )
    assert config.text() == (
        "/ip firewall address-list\n"
        "add address=192.0.2.1 comment=knockctl:p1 list=kc-m\n"
        "/ip firewall layer7-protocol\n"
        'add comment="knockctl:p1 secret" name=kc-p1 regexp="^a\\?b\\$"\n'
        "/ip firewall filter\n"
        "add action=add-src-to-address-list address-list=kc-p1-2 \\\n"
        "    address-list-timeout=30s chain=kc-in comment=knockctl:p1:s2 dst-port=555 \\\n"
        "    protocol=tcp src-address-list=kc-p1-1 tcp-flags=syn,!ack\n"
        'add action=jump chain=input comment="knockctl:jump 7f3a" jump-target=kc-in\n'
    )
    assert max(map(len, config.text().splitlines())) <= 80


# --- secrets --------------------------------------------------------------------------------


def test_rows_tell_which_of_their_words_are_secret():
    config = RouterConfig(
        (
            rule(dst_port="888,1000-1010", comment="knockctl:p1:s1 secret"),
            rule(dst_port="!4711", comment="knockctl:p1:s2 secret"),
            rule(dst_port="22", comment="knockctl:p1:grant"),
            rule(dst_port="23", comment="somebody's secret"),
            rule(content='say "x"', comment="knockctl:p1:s3 secret"),
            Row.of(LAYER7, {"name": "l", "regexp": "^pass$", "comment": "knockctl:p1 secret"}),
        ),
        secret_words=frozenset({"pass"}),
    )
    assert config.secrets() == {
        "888",
        "1000-1010",
        "4711",
        'say "x"',
        'say \\"x\\"',
        "^pass$",
        "^pass\\$",
        "pass",
    }
    assert load(config.dump()).secrets() == config.secrets()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120))
def test_a_secret_is_printed_in_one_of_its_forms_and_never_cut(passphrase):
    row = rule(chain="kc-in", content=passphrase, comment="knockctl:p1:s1 secret")
    config = RouterConfig((row,))
    assert any(secret in config.text() for secret in config.secrets())


# --- there and back -------------------------------------------------------------------------

NASTY = st.text(
    st.sampled_from('"\\$?=#/!_[]{}; \t\r\n\v\f\0\x7f\x85\u2028äЖ€😀aE4')
    | st.characters(exclude_categories=["Cs"]),
    max_size=60,
)
RULES = st.builds(
    lambda menu, chain, comment, words: Row.of(
        menu, {**words, "chain": chain, "comment": f"knockctl:{comment}"}
    ),
    st.sampled_from([menu for menu in MENUS if menu.endswith((" filter", " raw"))]),
    st.sampled_from(("input", "forward", "kc-in", "kc-p1")),
    NASTY | st.sampled_from(("jump", "jump 7f3a", "p1:s1 secret")),
    st.dictionaries(
        st.sampled_from(("content", "src-address-list", "dst-port", "tls-host")), NASTY
    ),
)
MEMBERS = st.builds(
    lambda menu, comment, words: Row.of(menu, {**words, "comment": f"knockctl:{comment}"}),
    st.sampled_from([menu for menu in MENUS if not menu.endswith((" filter", " raw"))]),
    NASTY,
    st.dictionaries(st.sampled_from(("name", "regexp", "list", "address")), NASTY),
)
CONFIGS = st.builds(
    RouterConfig,
    st.lists(RULES | MEMBERS, max_size=6).map(tuple),
    st.none() | st.sampled_from(("7f3a", "change0001")),
    st.frozensets(NASTY, max_size=2),
)


@given(CONFIGS)
def test_what_is_printed_is_read_back(config):
    assert parse_text(config.text()) == config
    assert parse_text(config.text().replace("\n", "\r\n")) == config


@given(CONFIGS, CONFIGS)
def test_equal_texts_mean_equal_configs(one, other):
    assert (one.text() == other.text()) == (one == other)


@given(CONFIGS)
def test_what_is_dumped_is_loaded(config):
    loaded = load(config.dump())
    assert loaded == config
    assert loaded.secrets() == config.secrets()
