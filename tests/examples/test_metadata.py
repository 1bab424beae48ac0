"""A distribution is asked what it says of itself, in each of the forms in which it can."""

import pytest

from examples.package_audit.metadata import read_metadata_of
from examples.package_audit.model import Contents, TargetKind
from perdure import PermanentError
from tests.examples.distributions import CLEAN, METADATA, SDIST, write_files

PYPROJECT = b"""
[project]
name = "tidy"
version = "1.2"
description = "Puts things away"
license = { text = "MIT" }
requires-python = ">=3.11"
dependencies = ["click>=8"]
classifiers = ["License :: OSI Approved :: MIT License", "Typing :: Typed"]
"""


def read(folder, files, kind=TargetKind.DIRECTORY):
    write_files(folder, files)
    return read_metadata_of(Contents(kind, str(folder), str(folder), sorted(files), [], copied=False))


def test_a_wheel_says_it_in_metadata(tmp_path):
    metadata = read(tmp_path, CLEAN)
    assert metadata.source == "tidy-1.2.dist-info/METADATA"
    assert (metadata.name, metadata.version) == ("tidy", "1.2")
    assert metadata.summary == "Puts things where they belong"
    assert metadata.licence == "MIT"
    assert metadata.licence_classifiers == ["License :: OSI Approved :: MIT License"]
    assert metadata.licence_files == ["tidy-1.2.dist-info/licenses/LICENSE"]
    assert metadata.requires_python == ">=3.11"
    assert metadata.requirements == ["click>=8"]


def test_an_sdist_says_it_in_pkg_info(tmp_path):
    files = {name.removeprefix("tidy-1.2/"): content for name, content in SDIST.items()}
    metadata = read(tmp_path, files | {"pyproject.toml": b"[project]\nname = 'other'\n", "docs/LICENSE": b""})
    assert (metadata.source, metadata.name) == ("PKG-INFO", "tidy")
    assert metadata.licence_files == ["LICENSE"]


def test_a_source_folder_says_it_in_pyproject(tmp_path):
    metadata = read(tmp_path, {"pyproject.toml": PYPROJECT, "COPYING.txt": b"", "licence-notes.py": b""})
    assert (metadata.name, metadata.version, metadata.licence) == ("tidy", "1.2", "MIT")
    assert metadata.summary == "Puts things away"
    assert metadata.requirements == ["click>=8"]
    assert metadata.licence_classifiers == ["License :: OSI Approved :: MIT License"]
    assert metadata.licence_files == ["COPYING.txt", "licence-notes.py"]


def test_a_licence_text_in_place_of_its_name_is_cut(tmp_path):
    old = METADATA.replace("License-Expression: MIT", "License: MIT\n " + "and so on " * 100)
    metadata = read(tmp_path, CLEAN | {"tidy-1.2.dist-info/METADATA": old.encode()})
    assert metadata.licence.startswith("MIT and so on")
    assert len(metadata.licence) == 200


def test_bytes_of_another_encoding_do_no_harm(tmp_path):
    metadata = read(tmp_path, {"PKG-INFO": b"Name: tidy\nVersion: 1\nSummary: caf\xe9\n"})
    assert metadata.summary == "caf\ufffd"


@pytest.mark.parametrize(
    "files",
    [
        {"notes.txt": b""},
        {"sub/PKG-INFO": b"Name: x\n"},
        {"PKG-INFO": b"Version: 1\n"},
        {"pyproject.toml": b"[tool.x]\n"},
        {"pyproject.toml": b"not toml"},
        {"pyproject.toml": b"project = 1\n"},
        {"pyproject.toml": b"[project]\nname = 1\n"},
    ],
)
def test_what_does_not_name_itself_is_no_distribution(tmp_path, files):
    with pytest.raises(PermanentError) as raised:
        read(tmp_path, files)
    assert raised.value.code == "NO_METADATA"
