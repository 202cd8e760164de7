"""A socket by which tests break things."""

import asyncio
from types import SimpleNamespace

from knockctl.lab.plane.control import Control, tell


def test_words_are_obeyed_in_order_and_say_what_they_have_to_say():
    heard = []
    control = Control({"a": heard.append, "b": lambda value: value * 2}, lambda: 7.0)
    assert control.obey(b'{"a": 1, "b": 2}') == {"ok": True, "b": 4}
    assert heard == [1]


def test_what_can_not_be_done_is_answered():
    class Refused(Exception):
        pass

    def refuse(_):
        raise Refused("no")

    control = Control({"a": refuse, "b": int}, lambda: 7.0, (Refused,))
    assert control.obey(b'{"a": 1}') == {"ok": False, "error": "Refused: no"}
    for line in (b'{"b": "x"}', b'{"unknown": 1}', b"no JSON", b"[]"):
        assert control.obey(line)["ok"] is False


def test_words_come_by_a_socket_in_the_devices_folder(tmp_path):
    place = SimpleNamespace(state=tmp_path)

    async def told():
        control = Control({"a": lambda value: value * 2}, lambda: 7.0)
        server = await control.listen(tmp_path)
        answers = [await asyncio.to_thread(tell, place, **words) for words in ({"a": 1}, {"b": 1})]
        server.close()
        return answers

    good, bad = asyncio.run(told())
    assert good == {"ok": True, "a": 2, "now": 7.0}
    assert (bad["ok"], bad["now"]) == (False, 7.0)
