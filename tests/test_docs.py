"""Every command in the documentation is run, and its output compared.

Console blocks are run in order, each page in one shell at the root of the tree. ``…`` in the
expected output stands for anything within a line; a line of ``…`` alone for any lines.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from knockctl.policy.loader import load_policy
from tests.fixtures.lab import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "--- end of command"


def blocks(page, kind):
    return [body for name, body in BLOCK.findall(page.read_text()) if name == kind]


def commands(page):
    """Return (command, expected lines) of a page, in order."""
    found = []
    for body in blocks(page, "console"):
        for line in body.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def pattern(expected):
    text = ""
    for line in expected:
        if line == "…":
            text += r"(?:.*\n)*"
        else:
            text += ".*".join(re.escape(part) for part in line.split("…")) + r"\n"
    return re.compile(text)


@pytest.mark.lab
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_does_what_its_page_says(page, tmp_path):
    steps = commands(page)
    if not steps:
        return
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    script = "shopt -s expand_aliases\n" + "".join(
        f"{command}\necho; echo '{END}'\n" for command, _ in steps
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
    environment = {**os.environ, "PATH": path, "TMP": str(tmp_path), "COLUMNS": "200"}
    # Untraced: what they print is looked at here, where they go by tests of their own.
    environment.pop("COVERAGE_PROCESS_CONFIG", None)
    done = subprocess.run(
        ["bash"],
        input=script,
        cwd=ROOT,
        env=environment,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        timeout=300,
    )
    outputs = done.stdout.split(f"{END}\n")
    for (command, expected), output in zip(steps, outputs, strict=False):
        said = output.removesuffix("\n")
        assert pattern(expected).fullmatch(said), f"$ {command}\n{said}"


def test_the_policies_shown_are_well_formed(tmp_path):
    for number, body in enumerate(blocks(ROOT / "docs" / "policies.md", "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(body)
        load_policy(path)


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_names_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
