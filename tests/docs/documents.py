"""Reads the documents of the project: their blocks, links and headings."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """List the Markdown that people read on its own."""
    return sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("examples/**/*.md")])


def blocks(document: Path, language: str) -> list[tuple[int, str]]:
    """List the fenced blocks in a language, each with the line before its first."""
    text = document.read_text(encoding="utf-8")
    return [(text.count("\n", 0, match.start(2)), match[2]) for match in _BLOCK.finditer(text) if match[1] == language]


def links(document: Path) -> list[str]:
    """List the targets of the links, those in code left out."""
    return _LINK.findall(_CODE.sub(_label, document.read_text(encoding="utf-8")))


def _label(code: re.Match[str]) -> str:
    """Leave a word where code was, so that a link around it stays one."""
    return "code"


def anchors(document: Path) -> set[str]:
    """List the anchors that the headings make, as GitHub makes them."""
    headings = _HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
