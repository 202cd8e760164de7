"""Where on a firewall policies may be placed."""

import pathlib

import pytest
from pydantic import ValidationError

from knockctl.change.plan import place
from knockctl.errors import InventoryError
from knockctl.inventory.device import Device
from knockctl_panos import VENDOR
from knockctl_panos.placement import After, PanosPlacement


def test_addresses_must_be_listed():
    with pytest.raises(ValidationError, match="addresses"):
        PanosPlacement()
    with pytest.raises(ValidationError, match="addresses"):
        PanosPlacement(addresses=())


def test_a_position_is_an_end_or_beside_a_rule():
    place = PanosPlacement.model_validate(
        {"addresses": ["198.51.100.4"], "position": {"after": "web in"}}
    )
    assert place.position == After(after="web in")
    assert PanosPlacement(addresses=place.addresses).position == "top"
    for wrong in ("first", {"after": "it's"}, {"after": "a", "before": "b"}):
        with pytest.raises(ValidationError, match="position"):
            PanosPlacement.model_validate({"addresses": ["198.51.100.4"], "position": wrong})


def test_panoramas_fields_need_a_device_group():
    wrong = {"addresses": ["198.51.100.4"], "devices": ["0012001"]}
    with pytest.raises(ValidationError, match="name the device_group"):
        PanosPlacement.model_validate(wrong)
    PanosPlacement.model_validate({**wrong, "device_group": "branches", "rulebase": "post"})


def test_management_comes_over_https():
    place = PanosPlacement.model_validate(
        {"addresses": ["198.51.100.4"], "management": {"sources": ["192.0.2.0/24"]}}
    )
    assert place.management.port == 443


def test_applications_are_of_policies_there_are():
    """But not only of the device's own: a group's placement may serve several devices."""
    device = Device(
        *("fw", "192.0.2.13", "paloalto_panos", pathlib.Path()),
        placement={"addresses": ["198.51.100.4"], "applications": {"ssh-knock": ["ssh"]}},
        place="hosts.yaml:3",
    )
    for known in (None, ("web", "ssh-knock")):
        assert place(VENDOR, device, known).applications == {"ssh-knock": ("ssh",)}
    with pytest.raises(InventoryError) as caught:
        place(VENDOR, device, ("web", "ssh-knocks"))
    assert str(caught.value) == (
        "hosts.yaml:3: placement.applications: no such policy 'ssh-knock'; did you mean"
        " 'ssh-knocks'?"
    )
