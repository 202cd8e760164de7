"""A socket by which tests break things."""

from knockctl.lab.plane.control import Control


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
