"""Where policies may act on a router."""

import pytest
from pydantic import ValidationError

from knockctl_ios.placement import IosPlacement


def placed(**words):
    raw = {"addresses": ["198.51.100.14"], "interface": "GigabitEthernet0/0", **words}
    return IosPlacement.model_validate(raw)


def test_an_address_and_an_interface_are_enough():
    assert placed().method == "copp"
    assert placed().position == "first"
    assert placed(management={"sources": ["192.0.2.0/24"]}).management.port == 22


def test_the_operators_own_can_be_named():
    place = placed(access_list="OUT", position={"before": 20}, policy_map="PM")
    assert place.position.before == 20
    assert placed(authorization={"username": "eem"}).authorization.username == "eem"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"addresses": []}, "at least 1"),
        ({"addresses": ["2001:db8::1"]}, "know only IPv4"),
        ({"position": "last"}, "name the access_list"),
        ({"method": "acl-log", "policy_map": "PM"}, "method copp"),
        ({"transfer": "inline", "order": "tcl"}, "has braces"),
        ({"interface": "outside"}, "match pattern"),
        ({"access_list": "two words"}, "match pattern"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(words, said):
    with pytest.raises(ValidationError, match=said):
        placed(**words)
