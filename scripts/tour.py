"""Does what pages tell their readers to do, each against a server of its own, and compares what comes out.

`--record` writes what comes out into the pages, where they have room for it.

A comment before a fenced block says what becomes of it:

- `tour: write FILE`: the block is the content of a file;
- `tour: serve`: the command of the block serves, on a free port, until the end of the tour;
- `tour: run`: the block is run by bash, and every command in it has to succeed;
- `tour: refused`: the block is run, and its last command has to fail;
- `tour: expect`: the output of the block before has these lines, in this order, with others between them. `…` stands
  for any text, and how wide blanks are does not matter;
- `tour: recorded`: the same of lines that `--record` has written.

`tour: until TEXT in COMMAND` stands alone: the tour waits until the output of the command has the text, as a reader
does without noticing.

All blocks of a page share one shell, so that a variable of one is there in the next. Needs bash, grpcurl and the
project's virtual environment in PATH.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PROJECT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = (PROJECT / "README.md", PROJECT / "docs" / "order-fulfilment.md")
BLOCK: Final = re.compile(
    r"^<!-- tour: (?:(?P<role>write|serve|run|refused|expect|recorded)(?: (?P<file>\S+))? -->\n"
    r"```\w+\n(?P<text>.*?)^```$"
    r"|until (?P<wanted>.+?) in (?P<command>.+?) -->$)",
    re.MULTILINE | re.DOTALL,
)
VOLATILE: Final = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?"  # instants
    r"|\b\d+(?:\.\d+)?(?:ms|s|m|h|d)(?:\d+(?:s|m|h))?(?![\w.])"  # lengths of time
    r"|\b0\d{5}-[0-9a-f]{3}\b"  # revisions
    r"|(?<=\bembedded-)[0-9a-f]+"  # workers
)
"""What is another in every run; recorded as `…`."""
TRIES: Final = 40
LISTENING: Final = "perdure: listening on "
START_SECONDS: Final = 30.0
SHELL_SECONDS: Final = 120.0
STOP_SECONDS: Final = 30.0


class TourFault(Exception):
    """What a page says is not what happens."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block that takes part in the tour.

    Attributes:
        role: What becomes of it.
        file: Name of the file to write, or the text to wait for; empty for the other roles.
        text: What is inside the fences, or the command whose output is waited for.
    """

    role: str
    file: str
    text: str


def read_blocks(document: str) -> list[Block]:
    """Finds the blocks of a document.

    Raises:
        TourFault: A comment of the tour is not followed by a block, or has no meaning.
    """
    blocks = [
        Block(match["role"], match["file"] or "", match["text"])
        if match["role"]
        else Block("until", match["wanted"], match["command"])
        for match in BLOCK.finditer(document)
    ]
    if len(blocks) != document.count("<!-- tour:"):
        raise TourFault("a comment of the tour has no block after it, or no role that is known")
    return blocks


def missing_line(expected: str, output: str) -> str | None:
    """Finds the first expected line that the output does not have after the lines before it."""
    rest = iter([_squeezed(line) for line in output.splitlines()])
    for line in expected.splitlines():
        pattern = re.compile(".*".join(re.escape(_squeezed(part)) for part in line.split("…")))
        if not any(pattern.fullmatch(_squeezed(actual)) for actual in rest):
            return line
    return None


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def environment() -> dict[str, str]:
    """Makes the environment of a reader who stands in a checkout."""
    return os.environ | {"PYTHONPATH": str(PROJECT), "NO_COLOR": "1", "COLUMNS": "110"}


@contextmanager
def serving(command: str, folder: Path) -> Iterator[str]:
    """Runs the command that serves, on a free port; yields the address, and ends the server.

    Raises:
        TourFault: It does not say that it listens, or does not end with success when it is asked to.
    """
    arguments = [*command.split(), "--listen", "127.0.0.1:0"]
    with (folder / "server.log").open("w+", encoding="utf-8") as log:
        server = subprocess.Popen(
            arguments, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert server.stdout is not None
            ready, _, _ = select.select([server.stdout], [], [], START_SECONDS)
            line = server.stdout.readline() if ready else ""
            if not line.startswith(LISTENING):
                log.seek(0)
                raise TourFault(f"the server does not listen: {line}{log.read()}")
            yield line.removeprefix(LISTENING).strip()
            server.terminate()
            if server.wait(STOP_SECONDS) != 0:
                raise TourFault(f"the server ended with {server.returncode} instead of 0")
        finally:
            server.kill()
            server.wait()


def script_of(blocks: Iterable[Block], outputs: Path) -> str:
    """Writes the shell program: each block with its output in a file of its own, named by its position."""
    parts = ["set -u"]
    for position, block in enumerate(blocks):
        if block.role == "run":
            body, then = f"set -e\n{block.text}set +e", ""
        elif block.role == "refused":
            body, then = block.text, "test $? -ne 0 || exit 1\n"
        elif block.role == "until":
            found = f"{block.text} 2>&1 | grep -qF -- {shlex.quote(block.file)}"
            body, then = f"for try in $(seq {TRIES}); do {found} && break; done", f"{found} || exit 1\n"
        else:
            continue
        parts.append(f"echo {position} > '{outputs}/last'\n{{\n{body}\n}} > '{outputs}/{position}' 2>&1\n{then}")
    return "\n".join(parts)


def run_blocks(blocks: Sequence[Block], folder: Path, address: str) -> dict[int, str]:
    """Runs the blocks in one shell, and returns the output of each by its position.

    Raises:
        TourFault: A command has another outcome than the README says.
    """
    outputs = folder / "outputs"
    outputs.mkdir()
    done = subprocess.run(
        ["bash"],
        input=script_of(blocks, outputs),
        cwd=folder,
        env=environment() | {"PERDURE_SERVER": address},
        timeout=SHELL_SECONDS,
        check=False,
        text=True,
    )
    if done.returncode != 0:
        last = int((outputs / "last").read_text(encoding="utf-8"))
        shown = (outputs / str(last)).read_text(encoding="utf-8")
        raise TourFault(f"exit code {done.returncode} from\n\n{blocks[last].text}\n{shown}")
    return {int(file.name): file.read_text(encoding="utf-8") for file in outputs.iterdir() if file.name != "last"}


def compare(blocks: Sequence[Block], outputs: dict[int, str]) -> None:
    """Holds each output against what the page shows of it.

    Raises:
        TourFault: A line is missing.
    """
    for position, block in enumerate(blocks):
        if block.role in {"expect", "recorded"}:
            line = missing_line(block.text, outputs[position - 1])
            if line is not None:
                raise TourFault(
                    f"missing: {line}\n\nin the output of\n\n{blocks[position - 1].text}\n{outputs[position - 1]}"
                )


def record(document: str, blocks: Sequence[Block], outputs: dict[int, str]) -> str:
    """Writes the outputs into a page, where it has room for them."""
    recorded = dict(enumerate(blocks))
    positions = iter(recorded)

    def written(match: re.Match[str]) -> str:
        position = next(positions)
        if match["role"] != "recorded":
            return match[0]
        text = VOLATILE.sub("…", outputs[position - 1])
        lines = [line.rstrip() for line in text.rstrip().splitlines()]
        begin, end = (place - match.start() for place in match.span("text"))
        return match[0][:begin] + "\n".join(lines) + "\n" + match[0][end:]

    return BLOCK.sub(written, document)


def take_tour(blocks: Sequence[Block], folder: Path) -> dict[int, str]:
    """Takes a tour in an empty folder, and returns the output of each block by its position.

    Raises:
        TourFault: What the page says is not what happens.
    """
    for block in blocks:
        if block.role == "write":
            (folder / block.file).write_text(block.text, encoding="utf-8")
    (served,) = [block.text for block in blocks if block.role == "serve"]
    with serving(served, folder) as address:
        return run_blocks(blocks, folder, address)


def main(arguments: Sequence[str]) -> int:
    """Takes the tours and returns the exit code."""
    for page in PAGES:
        with tempfile.TemporaryDirectory(prefix="perdure-tour-") as folder:
            document = page.read_text(encoding="utf-8")
            try:
                blocks = read_blocks(document)
                outputs = take_tour(blocks, Path(folder))
                if arguments == ["--record"]:
                    page.write_text(record(document, blocks, outputs), encoding="utf-8")
                    blocks = read_blocks(page.read_text(encoding="utf-8"))
                compare(blocks, outputs)
            except TourFault as fault:
                print(f"{page.name}: {fault}", file=sys.stderr)
                return 1
        print(f"{page.name}: {sum(block.role in {'run', 'refused'} for block in blocks)} blocks do what they say")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
