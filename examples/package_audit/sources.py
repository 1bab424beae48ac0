"""Parses Python files and counts what a reader should look at."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from examples.package_audit.model import Finding, SourceFindings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

KINDS: Final = {
    "not-parsed": "is no Python of this version",
    "bare-except": "`except:` catches even what should end the program",
    "dynamic-code": "`eval` or `exec` runs text as code",
    "mutable-default": "a default that all calls share can be changed by each of them",
    "assert": "`assert` outside tests is gone under `python -O`",
    "print": "`print` in a library writes to somebody else's output",
    "unfinished": "a comment marks work that is not finished",
    "long-function": "a function of more than 60 lines",
    "unused-import": "an import that nothing in the module uses",
}
"""Every kind of finding, with what it means."""

KEPT: Final = 500
LONG_FUNCTION_LINES: Final = 60

_UNFINISHED: Final = re.compile(r"\b(T[O]DO|FIXM[E]|XX[X]|HAC[K])\b")
_MUTABLE_CALLS: Final = frozenset({"list", "dict", "set", "bytearray"})
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_IDENTIFIERS: Final = re.compile(r"[A-Za-z_]\w*")


def inspect_files(root: Path, files: Sequence[str], progress: Callable[[int], None]) -> SourceFindings:
    """Parse every Python file among some files; `progress` is told every tenth of the way, in percent."""
    parsed = lines = total = 0
    counts = dict.fromkeys(KINDS, 0)
    first: list[Finding] = []
    names = [name for name in files if name.endswith((".py", ".pyi"))]
    for position, name in enumerate(names, start=1):
        content = (root / name).read_bytes()
        findings = sorted(find_in(name, content), key=lambda finding: finding.line)
        parsed += not any(finding.kind == "not-parsed" for finding in findings)
        lines += len(content.splitlines())
        total += len(findings)
        for finding in findings:
            counts[finding.kind] += 1
        first.extend(findings[: KEPT - len(first)])
        tenths = 10 * position // len(names)
        if tenths > 10 * (position - 1) // len(names):
            progress(10 * tenths)
    return SourceFindings(parsed, lines, total, counts, first)


def find_in(name: str, content: bytes) -> list[Finding]:
    """List what is found in one file.

    Args:
        name: Its path, which tells tests and stubs from other code.
        content: What it holds, in whatever encoding it declares.
    """
    try:
        with warnings.catch_warnings():
            # What the compiler says about the code under audit is not for this process's log.
            warnings.simplefilter("ignore")
            tree = ast.parse(content, filename=name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = (error.lineno or 0) if isinstance(error, SyntaxError) else 0
        return [Finding("not-parsed", name, line, f"{type(error).__name__}: {getattr(error, 'msg', error)}")]
    found = [Finding(kind, name, line, detail) for kind, line, detail in _in_tree(tree, is_test=_is_test(name))]
    found += [Finding("unfinished", name, line, detail) for line, detail in _unfinished(content)]
    if PurePosixPath(name).name != "__init__.py":
        # What a package's own module imports, it offers to others.
        found += [Finding("unused-import", name, line, detail) for line, detail in _unused_imports(tree)]
    return found


def _is_test(name: str) -> bool:
    path = PurePosixPath(name)
    return bool({"test", "tests"} & set(path.parts)) or path.name.startswith(("test_", "conftest"))


def _in_tree(tree: ast.Module, *, is_test: bool) -> Iterator[tuple[str, int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield "bare-except", node.lineno, "except:"
        elif isinstance(node, ast.Assert) and not is_test:
            yield "assert", node.lineno, "assert"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in {"eval", "exec"}:
                yield "dynamic-code", node.lineno, f"{node.func.id}(...)"
            elif node.func.id == "print":
                yield "print", node.lineno, "print(...)"
        elif isinstance(node, _FUNCTIONS):
            yield from _in_function(node)


def _in_function(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[tuple[str, int, str]]:
    name = "lambda" if isinstance(node, ast.Lambda) else node.name
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None and _is_mutable(default):
            yield "mutable-default", default.lineno, f"{name}: {type(default).__name__.lower()}"
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    if length > LONG_FUNCTION_LINES:
        yield "long-function", node.lineno, f"{name}: {length} lines"


def _is_mutable(default: ast.expr) -> bool:
    if isinstance(default, ast.Call):
        return isinstance(default.func, ast.Name) and default.func.id in _MUTABLE_CALLS
    return isinstance(default, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


def _unfinished(content: bytes) -> Iterator[tuple[int, str]]:
    """Find marks in comments; the same words in texts and names are none."""
    if _UNFINISHED.search(content.decode("latin-1")) is None:
        return
    try:
        for token in tokenize.tokenize(io.BytesIO(content).readline):
            mark = _UNFINISHED.search(token.string) if token.type == tokenize.COMMENT else None
            if mark:
                yield token.start[0], mark[1]
    except (tokenize.TokenError, SyntaxError):
        return  # the parser took it; what is left out is a comment or two


def _unused_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Find the names that the top of a module imports and nothing in it mentions, texts included.

    Texts count, because annotations and `__all__` name things in quotes; so something is missed rather than
    reported wrongly.
    """
    mentioned: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            mentioned.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            mentioned.update(_IDENTIFIERS.findall(node.value))
    for statement in tree.body:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_future(statement):
            continue
        for alias in statement.names:
            name = alias.asname or alias.name.partition(".")[0]
            # `import x as x` is how a module says that it hands x on.
            if name not in mentioned and name != "*" and alias.asname != alias.name:
                yield statement.lineno, name


def _is_future(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
