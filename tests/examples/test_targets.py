"""What is to be audited is found, or it is said why not."""

import pytest

from examples.package_audit.model import TargetKind
from examples.package_audit.targets import find_target
from perdure import PermanentError
from tests.examples.distributions import CLEAN, SDIST, build_sdist, build_wheel, write_files


def test_a_wheel_is_found(tmp_path):
    wheel = build_wheel(tmp_path)
    found = find_target(str(wheel))
    assert (found.kind, found.path, found.package) == (TargetKind.WHEEL, str(wheel), "")


def test_an_sdist_is_found(tmp_path):
    assert find_target(str(build_sdist(tmp_path, SDIST))).kind is TargetKind.SDIST


def test_a_directory_is_found(tmp_path):
    assert find_target(str(write_files(tmp_path, CLEAN))).kind is TargetKind.DIRECTORY


def test_an_installed_package_is_found_by_its_name_in_any_spelling():
    found = find_target("PyTest")
    assert (found.kind, found.package) == (TargetKind.INSTALLED, "pytest")


def test_paths_are_relative_to_the_working_directory(tmp_path, monkeypatch):
    wheel = build_wheel(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert find_target(wheel.name).path == str(wheel)


@pytest.mark.parametrize("text", ["", "no-such-package", "no/such/path.whl", "../nothing", "-", "name\0"])
def test_what_is_not_there_is_not_found_for_good(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PermanentError) as raised:
        find_target(text)
    assert (raised.value.code, raised.value.retryable) == ("TARGET_NOT_FOUND", False)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(PermanentError) as raised:
        find_target(str(tmp_path / "notes.txt"))
    assert raised.value.code == "TARGET_UNKNOWN"
