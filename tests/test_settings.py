"""Settings: who wins, and what an inventory may not allow itself."""

import pytest

from knockctl.errors import SettingsError
from knockctl.settings import load, user_file


@pytest.fixture
def mine():
    path = user_file()
    path.parent.mkdir(parents=True)
    return path


def test_the_order_is_flag_environment_inventory_user_default(tmp_path, mine, monkeypatch):
    assert load({}).workers == 32
    mine.write_text("workers = 2\n[timeouts]\ncommand = 7\nprobe = 7\n")
    assert load({}).workers == 2
    (tmp_path / "knockctl.toml").write_text("workers = 3\n[timeouts]\ncommand = 8\n")
    found = load({"inventory": tmp_path})
    assert (found.workers, found.timeouts.command, found.timeouts.probe) == (3, 8, 7)
    monkeypatch.setenv("KNOCKCTL_WORKERS", "4")
    assert load({"inventory": tmp_path}).workers == 4
    assert load({"inventory": tmp_path, "workers": 5}).workers == 5
    monkeypatch.setenv("KNOCKCTL_INVENTORY", str(tmp_path))
    assert load({}).inventory == tmp_path
    assert load({}).limits().worst_case == 15


@pytest.mark.parametrize("text", ['[secrets]\nallow_files = ["/"]', 'seal_key = "env:X"'])
def test_an_inventory_cannot_weaken_a_safeguard(tmp_path, text):
    (tmp_path / "knockctl.toml").write_text(text)
    with pytest.raises(SettingsError, match="your own configuration file"):
        load({"inventory": tmp_path})


def test_the_user_allows_what_secrets_may_do(mine):
    mine.write_text('[secrets]\nallow_commands = ["pass"]\n')
    assert load({}).resolver().allow_commands == ("pass",)
    mine.write_text('only_in = "kc-ops"\n')
    with pytest.raises(SettingsError, match="an inventory's"):
        load({})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workers = ", "not valid TOML"),
        ("worker = 1", "unknown setting; did you mean 'workers'?"),
        ("[timeouts]\ncomand = 1", "did you mean 'command'?"),
        ("workers = 0", "greater than or equal to 1"),
        ('output = "xml"', "'text' or 'json'"),
    ],
)
def test_what_is_wrong_is_told_with_its_file(mine, text, said):
    mine.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load({})
    assert str(mine) in str(caught.value)
    assert said in str(caught.value)


def test_a_bad_environment_is_told(monkeypatch):
    monkeypatch.setenv("KNOCKCTL_OUTPUT", "xml")
    with pytest.raises(SettingsError, match="output"):
        load({})


def test_a_file_that_cannot_be_read_is_told(mine):
    mine.mkdir()
    with pytest.raises(SettingsError, match="can't be read"):
        load({})
