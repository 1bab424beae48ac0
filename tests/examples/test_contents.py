"""The files of a distribution are listed: all of them, and nothing that belongs to somebody else."""

import os
from importlib import metadata

import pytest

from examples.package_audit import contents as contents_module
from examples.package_audit.contents import list_folder, list_installed
from examples.package_audit.model import Target, TargetKind
from examples.package_audit.targets import find_target
from perdure import PermanentError
from tests.examples.distributions import CLEAN, SDIST, write_files


def target_of(folder, kind=TargetKind.DIRECTORY):
    return Target(kind, str(folder), package="")


def test_a_directory_is_listed_where_it_is(tmp_path):
    contents = list_folder(target_of(tmp_path), write_files(tmp_path, CLEAN), [])
    assert contents.files == sorted(CLEAN)
    assert (contents.root, contents.origin, contents.copied) == (str(tmp_path), str(tmp_path), False)


def test_folders_of_tools_and_of_reports_are_left_out(tmp_path):
    tools = {f"{folder}/file.py": b"" for folder in (".git", "src/__pycache__", ".venv")}
    write_files(tmp_path, CLEAN | tools | {"build/audit/report.md": b"", "build/lib.py": b""})
    contents = list_folder(target_of(tmp_path), tmp_path, [], left_out=tmp_path / "build" / "audit")
    assert contents.files == sorted([*CLEAN, "build/lib.py"])


def test_an_archive_has_nothing_that_is_left_out(tmp_path):
    files = {"pkg/__pycache__/m.pyc": b"", ".git/config": b"", "pkg/m.py": b""}
    assert list_folder(target_of(tmp_path, TargetKind.WHEEL), write_files(tmp_path, files), []).files == sorted(files)


def test_links_and_other_things_are_passed_over(tmp_path):
    write_files(tmp_path, CLEAN)
    (tmp_path / "file-link").symlink_to(tmp_path / "tidy" / "shelf.py")
    (tmp_path / "folder-link").symlink_to(tmp_path / "tidy")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    contents = list_folder(target_of(tmp_path), tmp_path, ["inside (link)"])
    assert contents.files == sorted(CLEAN)
    assert contents.passed_over == [
        "dangling (link)",
        "fifo (neither file nor folder)",
        "file-link (link)",
        "folder-link (link)",
        "inside (link)",
    ]


def test_a_name_that_no_value_can_hold_is_passed_over(tmp_path):
    write_files(tmp_path, CLEAN)
    (tmp_path / os.fsdecode(b"bad-\xff.py")).write_bytes(b"")
    assert list_folder(target_of(tmp_path), tmp_path, []).passed_over == ["bad-?.py (name is not UTF-8)"]


def test_an_sdist_is_listed_from_the_one_folder_at_its_top(tmp_path):
    contents = list_folder(target_of(tmp_path, TargetKind.SDIST), write_files(tmp_path, SDIST), [])
    assert contents.root == str(tmp_path / "tidy-1.2")
    assert contents.files == ["LICENSE", "PKG-INFO", "src/tidy/__init__.py"]
    assert contents.copied


@pytest.mark.parametrize("other", ["setup.py", "more/setup.py"])
def test_an_sdist_with_more_at_its_top_is_listed_from_there(tmp_path, other):
    write_files(tmp_path, SDIST | {other: b""})
    assert list_folder(target_of(tmp_path, TargetKind.SDIST), tmp_path, []).root == str(tmp_path)


def test_an_installed_package_is_listed_with_what_was_added_to_it(tmp_path, monkeypatch):
    record = "".join(f"{name},,\n" for name in [*CLEAN, "tidy-1.2.dist-info/RECORD", "tidy/gone.py"])
    write_files(tmp_path, CLEAN | {"tidy-1.2.dist-info/RECORD": record.encode(), "tidy/added.py": b"", "other.py": b""})
    write_files(tmp_path, {"tidy/__pycache__/shelf.pyc": b""})
    monkeypatch.syspath_prepend(str(tmp_path))
    contents = list_installed(find_target("tidy"))
    assert contents.files == sorted([*CLEAN, "tidy-1.2.dist-info/RECORD", "tidy/added.py"])
    assert contents.root == str(tmp_path)


def test_a_package_in_a_shared_namespace_has_no_claim_to_its_neighbours(tmp_path, monkeypatch):
    record = "space/tidy/__init__.py,,\nspace_tidy-1.dist-info/METADATA,,\n"
    files = {
        "space/tidy/__init__.py": b"",
        "space/neighbour/__init__.py": b"",
        "space_tidy-1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: space-tidy\nVersion: 1\n",
        "space_tidy-1.dist-info/RECORD": record.encode(),
    }
    write_files(tmp_path, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "space/neighbour/__init__.py" not in list_installed(find_target("space-tidy")).files


def test_a_real_installed_package_is_listed():
    contents = list_installed(find_target("pytest"))
    assert "_pytest/python.py" in contents.files
    assert metadata.version("pytest") in next(name for name in contents.files if name.endswith("/RECORD"))


def test_more_files_than_one_audit_takes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(contents_module, "FILES_MAX", len(CLEAN) - 1)
    with pytest.raises(PermanentError) as raised:
        list_folder(target_of(tmp_path), write_files(tmp_path, CLEAN), [])
    assert raised.value.code == "TOO_MANY_FILES"
