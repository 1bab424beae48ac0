"""Each kind of finding is found where it is, and not where it only looks like one."""

import pytest

from examples.package_audit import sources
from examples.package_audit.sources import KINDS, find_in, inspect_files
from tests.examples.distributions import write_files

MARK = "TO" + "DO"
LONG = "def long():\n" + "    x = 1\n" * 60


def kinds_in(text, name="pkg/module.py"):
    return [(finding.kind, finding.line) for finding in find_in(name, text.encode())]


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("try:\n    x = 1\nexcept:\n    x = 2\n", "bare-except", 3),
        ("x = eval('1')\n", "dynamic-code", 1),
        ("exec('1')\n", "dynamic-code", 1),
        ("def f(a, b=[]): return a\n", "mutable-default", 1),
        ("def f(a, *, b={}): return a\n", "mutable-default", 1),
        ("f = lambda a=set(): a\n", "mutable-default", 1),
        ("async def f(a=[x for x in 'ab']): return a\n", "mutable-default", 1),
        ("\nassert True\n", "assert", 2),
        ("print('x')\n", "print", 1),
        (f"x = 1  # {MARK}: more\n", "unfinished", 1),
        (LONG, "long-function", 1),
        ("import os\n", "unused-import", 1),
        ("from os import path as p, sep\nx = sep\n", "unused-import", 1),
        ("import os.path\n", "unused-import", 1),
        ("def f(:\n", "not-parsed", 1),
        ("x = 1\0\n", "not-parsed", 0),
    ],
)
def test_it_is_found(text, kind, line):
    assert kinds_in(text) == [(kind, line)]


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    x = 1\nexcept ValueError:\n    x = 2\n",
        "import ast\nx = ast.eval\n",
        "def f(a=(), b=None, c=frozenset()): return a\n",
        "x = obj.print('x')\n",
        f"x = '# {MARK}'\n{MARK}s = 1\n",
        LONG.removesuffix("    x = 1\n"),
        "from __future__ import annotations\n",
        "import os\n__all__ = ['os']\n",
        "import os\nx: 'os.PathLike'\n",
        "import os.path\nx = os.path.sep\n",
        "from os import sep as sep\n",
        "from os import *\n",
        "",
    ],
)
def test_it_is_not_found_where_it_only_looks_like_it(text):
    assert kinds_in(text) == []


def test_tests_may_assert():
    for name in ("tests/check.py", "pkg/test_x.py", "pkg/conftest.py", "test/a/b.py"):
        assert kinds_in("assert True\n", name) == []


def test_what_a_package_imports_it_offers_to_others():
    assert kinds_in("import os\n", "pkg/__init__.py") == []


def test_the_declared_encoding_is_read():
    text = "# -*- coding: latin-1 -*-\nNAME = 'café'\n"
    assert find_in("pkg/module.py", text.encode("latin-1")) == []
    assert [finding.kind for finding in find_in("pkg/module.py", text.encode("latin-1")[26:])] == ["not-parsed"]


def test_code_that_is_nested_too_deeply_is_one_finding():
    for text in ("(" * 500 + ")" * 500, "-" * 100_000 + "1", "a" + ".a" * 100_000):
        assert {kind for kind, _ in kinds_in(text)} <= {"not-parsed"}


def test_warnings_of_the_compiler_stay_out_of_the_log(recwarn):
    assert kinds_in("x = '\\d'\ny = 1 is 1\n") == []
    assert not recwarn.list


def test_files_are_counted_together(tmp_path):
    files = {
        "pkg/a.py": b"print(1)\nprint(2)\n",
        "pkg/b.pyi": b"import os\n",
        "pkg/c.py": b"def f(:\n",
        "pkg/data.txt": b"print(1)\n",
    }
    progress: list[int] = []
    found = inspect_files(write_files(tmp_path, files), sorted(files), progress.append)
    assert (found.parsed, found.lines, found.total) == (2, 4, 4)
    assert found.counts == dict.fromkeys(KINDS, 0) | {"print": 2, "unused-import": 1, "not-parsed": 1}
    assert [(one.path, one.line) for one in found.first] == [
        ("pkg/a.py", 1),
        ("pkg/a.py", 2),
        ("pkg/b.pyi", 1),
        ("pkg/c.py", 1),
    ]
    assert progress == [30, 60, 100]


def test_all_are_counted_and_the_first_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "KEPT", 3)
    files = {"a.py": b"print(1)\n" * 2, "b.py": b"print(1)\n" * 3}
    found = inspect_files(write_files(tmp_path, files), sorted(files), lambda _: None)
    assert found.total == 5
    assert [(one.path, one.line) for one in found.first] == [("a.py", 1), ("a.py", 2), ("b.py", 1)]
