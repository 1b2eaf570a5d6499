"""Every command that README and docs name exists with its options, and every link leads somewhere."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from docs.build.markdown import anchor
from tape.cli.app import COMMANDS, app
from tests.docs.pages import PAGES, PROJECT, fences, name, prose

PAGE = pytest.mark.parametrize("page", PAGES, ids=name)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_STANDS_FOR = {"ID": "1", "T": "2025-11-05T16:10:00Z", "X": "2"}
"""Values for what pages leave to the reader."""


def shell_lines(page: Path) -> list[str]:
    """The lines of a page's shell fences, and what of its prose is a command."""
    fenced = [line for body in fences(page, "", "sh", "bash", "console") for line in whole_lines(body)]
    return [*fenced, *(text for text in _CODE.findall(prose(page)) if " " in text)]


def whole_lines(body: str) -> list[str]:
    """The lines of a fence; those within one quoted text are one."""
    found: list[str] = []
    is_open = False
    for line in body.splitlines():
        found = [*found[:-1], f"{found[-1]}\n{line}"] if is_open else [*found, line]
        try:
            shlex.split(found[-1], comments=True)
            is_open = False
        except ValueError:
            is_open = bool(re.match(r"(tape|python|make) ", found[-1]))
    return found


def commands(page: Path) -> list[list[str]]:
    """The words of each command of a page; comments, and what a shell does with it, left out."""
    found = []
    for line in shell_lines(page):
        if not re.match(r"(tape|python|make) ", line):
            continue
        words: list[str] = []
        for word in [*shlex.split(re.sub(r" > \S+$", "", line), comments=True), "&"]:
            if word in ("&", "&&", "|", ";"):
                found += [words] if words else []
                words = []
            else:
                words.append(_STANDS_FOR.get(word, word))
    return found


def parse(words: list[str]) -> None:
    """Parses a command line of ``tape`` as it is parsed when it is run, and runs nothing."""
    program: Any = typer.main.get_command(app)
    for command in COMMANDS:
        program.get_command(None, command).callback = lambda **_: None
    program.main(args=list(words), standalone_mode=False)


@PAGE
def test_every_command_is_known_with_its_options(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    for program, *words in commands(page):
        if program == "tape":
            parse(words)
        elif program == "make":
            assert set(words) - {word for word in words if "=" in word} <= set(targets), words
        elif words[0] == "-m":
            assert importlib.util.find_spec(words[1]) is not None, words
        else:
            assert (PROJECT / words[0]).is_file(), words


@pytest.mark.parametrize("unit", ["tape.service", "supervisor.conf"])
def test_what_a_supervisor_starts_is_known(unit: str) -> None:
    started = re.findall(r"bin/tape (.+)$", (PROJECT / "docs" / "deploy" / unit).read_text(), re.MULTILINE)
    assert started
    for words in started:
        parse(shlex.split(words))


def test_the_commands_of_readme_are_found() -> None:
    found = commands(PROJECT / "README.md")
    assert ["tape", "--home", "/srv/tape", "serve"] in found
    assert ["make", "run"] in found
    assert sum(program == "tape" for program, *_ in found) > 10


@pytest.mark.parametrize("words", [["--hom", "x", "serve"], ["unheard-of"], ["diff", "a"], ["export", "--as_of", "T"]])
def test_a_command_that_does_not_exist_would_be_told(words: list[str]) -> None:
    with pytest.raises(typer.BadParameter.__base__):  # type: ignore[arg-type]
        parse(words)


@PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if fragment:
            assert fragment in anchors(there), target


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)}


def test_every_page_is_reached_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve() for page in PAGES for target in _LINK.findall(prose(page))
    }
    reached = linked | {PROJECT / "README.md", PROJECT / "docs" / "README.md"}
    assert [name(page) for page in PAGES if page not in reached] == []
