"""Does what README.md tells its readers to do, against a server of its own, and compares what comes out.

A comment before a fenced block says what becomes of it:

- `tour: write FILE`: the block is the content of a file;
- `tour: serve`: the command of the block serves, on a free port, until the end of the tour;
- `tour: run`: the block is run by bash, and every command in it has to succeed;
- `tour: refused`: the block is run, and its last command has to fail;
- `tour: expect`: the output of the block before has these lines, in this order, with others between them. `…` stands
  for any text, and how wide blanks are does not matter.

All blocks share one shell, so that a variable of one is there in the next. Needs bash, grpcurl and the project's
virtual environment in PATH.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

README: Final = Path(__file__).resolve().parent.parent / "README.md"
BLOCK: Final = re.compile(
    r"^<!-- tour: (?P<role>write|serve|run|refused|expect)(?: (?P<file>\S+))? -->\n```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LISTENING: Final = "perdure: listening on "
START_SECONDS: Final = 30.0
SHELL_SECONDS: Final = 120.0
STOP_SECONDS: Final = 30.0


class TourFault(Exception):
    """What the README says is not what happens."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block that takes part in the tour.

    Attributes:
        role: What becomes of it.
        file: Name of the file to write; empty for the other roles.
        text: What is inside the fences.
    """

    role: str
    file: str
    text: str


def read_blocks(document: str) -> list[Block]:
    """Finds the blocks of a document.

    Raises:
        TourFault: A comment of the tour is not followed by a block, or has no meaning.
    """
    blocks = [Block(match["role"], match["file"] or "", match["text"]) for match in BLOCK.finditer(document)]
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


@contextmanager
def serving(command: str, folder: Path) -> Iterator[str]:
    """Runs the command that serves, on a free port; yields the address, and ends the server.

    Raises:
        TourFault: It does not say that it listens, or does not end with success when it is asked to.
    """
    arguments = [*command.split(), "--listen", "127.0.0.1:0"]
    with (folder / "server.log").open("w+", encoding="utf-8") as log:
        server = subprocess.Popen(arguments, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
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
    environment = os.environ | {"PERDURE_SERVER": address}
    done = subprocess.run(
        ["bash"],
        input=script_of(blocks, outputs),
        cwd=folder,
        env=environment,
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
    """Holds each output against what the README shows of it.

    Raises:
        TourFault: A line is missing.
    """
    for position, block in enumerate(blocks):
        if block.role == "expect":
            line = missing_line(block.text, outputs[position - 1])
            if line is not None:
                raise TourFault(
                    f"missing: {line}\n\nin the output of\n\n{blocks[position - 1].text}\n{outputs[position - 1]}"
                )


def take_tour(blocks: Sequence[Block], folder: Path) -> None:
    """Takes the tour in an empty folder.

    Raises:
        TourFault: What the README says is not what happens.
    """
    for block in blocks:
        if block.role == "write":
            (folder / block.file).write_text(block.text, encoding="utf-8")
    (served,) = [block.text for block in blocks if block.role == "serve"]
    with serving(served, folder) as address:
        compare(blocks, run_blocks(blocks, folder, address))


def main() -> int:
    """Takes the tour and returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="perdure-tour-") as folder:
        try:
            blocks = read_blocks(README.read_text(encoding="utf-8"))
            take_tour(blocks, Path(folder))
        except TourFault as fault:
            print(f"README.md: {fault}", file=sys.stderr)
            return 1
    print(f"README.md: {sum(block.role in {'run', 'refused'} for block in blocks)} blocks do what they say")
    return 0


if __name__ == "__main__":
    sys.exit(main())
