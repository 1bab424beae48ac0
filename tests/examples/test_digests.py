"""Files are hashed as they are, and hashed again when they change meanwhile."""

import hashlib

import pytest

from examples.package_audit.digests import CHUNK_BYTES, digest_file
from examples.package_audit.tasks import hash_file
from perdure import PermanentError, TaskError
from tests.examples.contexts import make_context


def nothing(_so_far, _size):
    return


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 1])
def test_a_file_of_any_size_is_hashed(tmp_path, size):
    content = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    digest = digest_file(tmp_path, "file", nothing)
    assert (digest.path, digest.size) == ("file", size)
    assert digest.sha256 == hashlib.sha256(content[:size]).hexdigest()


def grow(path):
    with path.open("ab") as stream:
        stream.write(b"more")


def rewrite(path):
    content = path.read_bytes()
    path.with_name("new").write_bytes(content)
    path.with_name("new").replace(path)


@pytest.mark.parametrize("change", [grow, rewrite])
def test_a_file_that_changes_while_it_is_read_can_be_tried_again(tmp_path, change):
    path = tmp_path / "file"
    path.write_bytes(bytes(CHUNK_BYTES + 1))
    changes = [change]

    def change_once(_so_far, _size):
        if changes:
            changes.pop()(path)

    with pytest.raises(TaskError) as raised:
        digest_file(tmp_path, "file", change_once)
    assert (raised.value.code, raised.value.retryable) == ("FILE_CHANGED", True)
    digest = digest_file(tmp_path, "file", change_once)
    assert digest.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_large_files_tell_how_far_they_are(tmp_path):
    with (tmp_path / "file").open("wb") as stream:
        stream.truncate(16 << 20)
    said: list[int] = []
    hash_file.handler(make_context(said=said), "file", str(tmp_path))
    assert said == sorted(said)
    assert said[-1] == 100


def test_small_files_say_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"small")
    said: list[int] = []
    hash_file.handler(make_context(said=said), "file", str(tmp_path))
    assert said == []


def test_hashing_stops_when_it_is_not_wanted_any_more(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    context = make_context()
    context.cancel()
    with pytest.raises(PermanentError) as raised:
        hash_file.handler(context, "file", str(tmp_path))
    assert raised.value.code == "NOT_WANTED"
