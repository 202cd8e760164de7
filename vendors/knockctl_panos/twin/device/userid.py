"""``type=user-id``: addresses registered with tags, and unregistered."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import answers, markup
from knockctl_panos.twin.device.accounts import Actor
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.appliance import Appliance
from knockctl_panos.twin.device.refusals import INVALID_COMMAND, INVALID_OBJECT, Refusal
from knockctl_panos.twin.device.tags import LONGEST, registrable

ACTIONS = ("register", "unregister")


def request(device: Appliance, actor: Actor, cmd: str, vsys: str) -> Answer:
    """Answer a ``uid-message``: what can be done is done, the rest is complained about.

    Raises:
        Refusal: not allowed, or no such message.
    """
    actor.may("user_id")
    message = markup.read(cmd)
    payload = message.find("payload")
    if message.tag != "uid-message" or payload is None or message.findtext("type") != "update":
        raise Refusal(INVALID_COMMAND, "uid-message is invalid")
    if message.findtext("version") not in ("1.0", "2.0"):
        raise Refusal(INVALID_COMMAND, "uid-message -> version is invalid")
    complaints: dict[str, list[Element]] = {}
    for part in payload:
        if part.tag not in ACTIONS:
            continue
        for entry in part.findall("entry"):
            for said in _entry(device, vsys, part.tag, entry):
                about = markup.make("entry", ip=entry.get("ip", ""), message=said)
                complaints.setdefault(part.tag, []).append(about)
    return _answer(complaints)


def _answer(complaints: dict[str, list[Element]]) -> Answer:
    payload = markup.make("payload", [markup.make(t, es) for t, es in complaints.items()])
    uid = markup.make("uid-response", [markup.make("version", "2.0"), payload])
    if not complaints:
        return answers.result(uid)
    return answers.response("error", None, markup.make("msg", [markup.make("line", [uid])]))


def _entry(device: Appliance, vsys: str, action: str, entry: Element) -> list[str]:
    ip = entry.get("ip", "")
    if not registrable(ip, ranges=device.switches.since(10)):
        return [f"invalid ip {ip}"]
    members = entry.findall("tag/member")
    if action == "register":
        persistent = entry.get("persistent", "1") != "0"
        return [s for m in members if (s := _register(device, vsys, ip, m, persistent=persistent))]
    wanted = [markup.text_of(member) for member in members] or list(device.tags.tags(vsys, ip))
    return [
        f"tag {tag} does not exist, ignore unreg"
        for tag in wanted
        if not device.tags.remove(vsys, ip, tag)
    ]


def _register(device: Appliance, vsys: str, ip: str, member: Element, *, persistent: bool) -> str:
    tag, timeout = markup.text_of(member), member.get("timeout", "0")
    if not tag or len(tag) > 127:
        return f"tag {tag} is invalid"
    if not timeout.isdecimal() or int(timeout) > LONGEST:
        return f"timeout {timeout} is invalid"
    refresh = device.switches.register_refreshes
    try:
        new = device.tags.add(vsys, ip, tag, int(timeout), persistent=persistent, refresh=refresh)
    except Refusal as refusal:
        return str(refusal)
    return "" if new else f"tag {tag} already exists, ignore"


def registered(device: Appliance, vsys: str, wanted: Element) -> Answer:
    """Answer ``show object registered-ip``: a page of addresses, of a tag or an address or all.

    Raises:
        Refusal: a limit or a starting point that is none.
    """
    limit, start = wanted.findtext("limit", "0"), wanted.findtext("start-point", "1")
    if not limit.isdecimal() or not start.isdecimal():
        raise Refusal(INVALID_OBJECT, "registered-ip -> limit is invalid")
    tag, ip = wanted.find("tag/entry"), wanted.findtext("ip")
    rows = [row for row in device.tags.addresses(vsys) if ip in (None, "", row)]
    if tag is not None:
        rows = [row for row in rows if markup.name_of(tag) in device.tags.tags(vsys, row)]
    first = max(0, int(start) - 1)
    page = rows[first : first + int(limit)] if int(limit) else rows[first:]
    entries = [_printed(device, vsys, row) for row in page]
    return answers.result(*entries, markup.make("count", str(len(entries))))


def _printed(device: Appliance, vsys: str, ip: str) -> Element:
    held = device.tags.tags(vsys, ip)
    persistent = "1" if any(one.persistent for one in held.values()) else "0"
    members = [markup.make("member", tag) for tag in held]
    return markup.make(
        "entry", [markup.make("tag", members)], ip=ip, from_agent="0", persistent=persistent
    )
