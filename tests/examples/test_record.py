"""Every way in which files and RECORD can disagree is told."""

import hashlib

import pytest

from examples.package_audit.model import Contents, FileDigest, TargetKind
from examples.package_audit.record import compare_with_record
from perdure import PermanentError
from tests.examples.distributions import CLEAN, RECORD, record_of, write_files


def compare(folder, files, record=None, kind=TargetKind.WHEEL, name=RECORD):
    files = dict(files) if record is None else {**files, name: record}
    write_files(folder, files)
    digests = [FileDigest(path, hashlib.sha256(content).hexdigest(), len(content)) for path, content in files.items()]
    return compare_with_record(Contents(kind, "", str(folder), sorted(files), [], copied=False), digests)


def differences(comparison):
    return [(one.kind, one.path) for one in comparison.differences]


def test_a_true_record_agrees(tmp_path):
    comparison = compare(tmp_path, CLEAN, record_of(CLEAN))
    assert (comparison.record, comparison.verified, comparison.faults) == (RECORD, len(CLEAN), 0)


def test_changed_missing_and_added_files_are_told(tmp_path):
    found = CLEAN | {"tidy/shelf.py": b"import os\n", "tidy/added.py": b"", "tidy/data.bin": bytes(256)}
    del found["tidy/__init__.py"]
    comparison = compare(tmp_path, found, record_of(CLEAN))
    assert differences(comparison) == [
        ("missing", "tidy/__init__.py"),
        ("extra", "tidy/added.py"),
        ("hash-differs", "tidy/data.bin"),
        ("hash-differs", "tidy/shelf.py"),
        ("size-differs", "tidy/shelf.py"),
    ]
    assert (comparison.faults, comparison.verified) == (5, 3)


def test_signatures_need_not_be_recorded(tmp_path):
    signed = CLEAN | {f"{RECORD}.jws": b"", f"{RECORD}.p7s": b""}
    assert compare(tmp_path, signed, record_of(CLEAN)).faults == 0


@pytest.mark.parametrize("hashed", ["", "md5=abc", "sha512=abc"])
def test_a_file_needs_a_sha_256(tmp_path, hashed):
    record = record_of(CLEAN) + f"tidy/more.py,{hashed},0\n".encode()
    comparison = compare(tmp_path, CLEAN | {"tidy/more.py": b""}, record)
    assert differences(comparison) == [("not-hashed", "tidy/more.py")]


def test_installers_may_add_notes_and_leave_out_compiled_files(tmp_path):
    record = record_of(CLEAN) + b"tidy/__pycache__/shelf.pyc,,\ntidy-1.2.dist-info/INSTALLER,,\n"
    found = CLEAN | {"tidy-1.2.dist-info/INSTALLER": b"pip\n"}
    assert compare(tmp_path, found, record, TargetKind.INSTALLED).faults == 0
    assert compare(tmp_path, found, record, TargetKind.WHEEL).faults == 2


def test_without_a_record_nothing_differs(tmp_path):
    assert compare(tmp_path, CLEAN, b"x,,\n", name="docs/RECORD").record == ""


def test_a_folder_of_many_packages_is_not_held_against_one_of_their_records(tmp_path):
    files = CLEAN | {RECORD: record_of(CLEAN), "other-1.dist-info/RECORD": b""}
    assert compare(tmp_path, files, kind=TargetKind.DIRECTORY).record == ""


@pytest.mark.parametrize("record", [b"tidy/__init__.py,sha256=abc\n", b'"half,,\n', b"\n"])
def test_a_record_that_is_no_table_is_refused(tmp_path, record):
    with pytest.raises(PermanentError) as raised:
        compare(tmp_path, CLEAN, record)
    assert raised.value.code == "RECORD_DAMAGED"
