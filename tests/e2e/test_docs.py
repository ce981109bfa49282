"""The pages for operations and audit: their commands exist, the auditor's are run as they stand, every alarm has its entry."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from gateway.cli.main import app
from gateway.domain.alarm import AlarmName
from tests.e2e.cli import ROOT, configuration, environment, lienthong, some_dossiers

pytestmark = [pytest.mark.timeout(300)]
PAGES = ("docs/operations.md", "docs/operations.vi.md", "docs/audit.md", "docs/audit.vi.md", "README.vi.md")
_BLOCK = re.compile(r"^( *)```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(lienthong [^`\n]+)`")
_BASH = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
CHECKPOINT = """
import asyncio
from gateway.bootstrap import open_gateway
from gateway.settings import load
from gateway.storage import upkeep

async def main():
    gateway = await open_gateway(load("lienthong.toml"))
    await gateway.database.write(upkeep.seal)
    await gateway.evidence.checkpointer.make()
    await gateway.close()

asyncio.run(main())
"""


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def commands(page):
    """Every command line of ours on a page."""
    text = text_of(page)
    for _, block in _BLOCK.findall(text):
        for line in block.splitlines():
            found = re.match(r"\s*(?:\S*/)?lienthong ([a-z].*)$", line)
            if found:
                yield shlex.split(found[1], comments=True)
    yield from (shlex.split(line)[1:] for line in _SPAN.findall(_BLOCK.sub("", text)))


def known(words):
    """The command that ``words`` begin with, or what is wrong with them."""
    command = get_command(app)
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] not in command.commands:
            return f"no command {rest[0]}"
        command = command.commands[rest.pop(0)]
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    wrong = [word for word in rest if word.startswith("-") and word.split("=")[0] not in options]
    return f"no option {wrong}" if wrong else None


@pytest.mark.parametrize("page", PAGES)
def test_commands_on_the_page_exist(page):
    found = list(commands(page))
    assert len(found) > 3
    assert [(" ".join(words), known(words)) for words in found if known(words)] == []


def test_command_that_does_not_exist_is_seen():
    assert known(["log", "verify", "--checkpoint", "x"]) is None
    assert known(["log", "undo"]) == "no command undo"
    assert known(["doctor", "--hope"]) == "no option ['--hope']"


def slugs(page):
    """The anchors of a page, as they are made of its headings, and those that it sets itself."""
    text = _BLOCK.sub("", text_of(page))
    made = (
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    )
    return {*made, *re.findall(r'<a id="([^"]+)">', text)}


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/operations.vi.md"])
def test_every_alarm_has_its_entry_in_the_runbook(page):
    wanted = {re.sub(r"(?<!^)(?=[A-Z])", "-", name.value).lower() for name in AlarmName}
    assert wanted - slugs(page) == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_on_the_page_lead_somewhere(page):
    for link in _LINK.findall(_BLOCK.sub("", text_of(page))):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in slugs(target.resolve().relative_to(ROOT)), link


@pytest.mark.parametrize("page", ["docs/audit.md", "docs/audit.vi.md"])
def test_auditor_s_commands_do_what_the_page_shows(page, tmp_path):
    config = configuration(tmp_path)
    (tmp_path / "some.jsonl").write_bytes(some_dossiers(3))
    assert lienthong("import", tmp_path / "some.jsonl", "-c", config).code == 0
    (tmp_path / "lienthong_verify.py").write_bytes((ROOT / "gateway/proof/lienthong_verify.py").read_bytes())
    tools = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    env = environment(**tools)
    subprocess.run([sys.executable, "-c", CHECKPOINT], cwd=tmp_path, env=env, check=True, capture_output=True)

    ran = [
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        for block in _BASH.findall(text_of(page))
    ]

    assert [(each.returncode, each.stderr) for each in ran if each.returncode] == []
    told = "\n".join(each.stdout for each in ran)
    for shown in (
        "HOLDS: 17 checks, 0 failed",
        "CONTAINER_DAMAGED",
        "DOES NOT HOLD: 1 checks, 1 failed",
        "exit code 1",
        "nothing wrong was found",
        "1 checkpoints kept elsewhere fit",
        "export_evidence",
    ):
        assert shown in told, told
        assert shown == "export_evidence" or shown in text_of(page)
