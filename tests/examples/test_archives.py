"""Archives are unpacked whole or not at all, and nothing in them reaches out of its folder."""

import stat
import tarfile
import zipfile

import pytest

from examples.package_audit.archives import Limits, unpack_archive
from examples.package_audit.targets import find_target
from perdure import PermanentError, TaskError
from tests.examples.distributions import CLEAN, RECORD, SDIST, build_sdist, build_wheel, tar_entry


def unpack(archive, folder, limits=None):
    seen: list[int] = []
    links = unpack_archive(find_target(str(archive)), folder, limits or Limits(), seen.append)
    return links, seen


def code_of(archive, folder, limits=None):
    with pytest.raises(TaskError) as raised:
        unpack(archive, folder, limits)
    assert not folder.exists()
    return raised.value.code, raised.value.retryable


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def zip_with(folder, name, content=b"x", mode=None):
    wheel = folder / "hostile-1-py3-none-any.whl"
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    if mode is not None:
        info.external_attr = mode << 16
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("fine.py", b"")
        archive.writestr(info, content)
    return wheel


def test_a_wheel_is_unpacked_whole(tmp_path):
    folder = tmp_path / "work" / "one"
    links, seen = unpack(build_wheel(tmp_path), folder)
    assert links == []
    assert seen == list(range(1, len(CLEAN) + 2))
    unpacked = files_below(folder)
    assert unpacked.keys() == {*CLEAN, RECORD}
    assert unpacked["tidy/data.bin"] == bytes(range(256))


@pytest.mark.parametrize("name", ["tidy-1.2.tar.gz", "tidy-1.2.tar.bz2", "tidy-1.2.tar.xz", "tidy-1.2.tar"])
def test_an_sdist_of_any_compression_is_unpacked_whole(tmp_path, name):
    unpack(build_sdist(tmp_path, SDIST, name), tmp_path / "work")
    assert files_below(tmp_path / "work") == SDIST


def test_unpacking_again_leaves_the_same_and_nothing_of_an_attempt_that_was_cut_off(tmp_path):
    wheel = build_wheel(tmp_path)
    folder = tmp_path / "work"
    unpack(wheel, folder)
    (folder / "tidy" / "left-over.py").write_bytes(b"")
    (tmp_path / "work.partial").mkdir()
    (tmp_path / "work.partial" / "half").write_bytes(b"")
    unpack(wheel, folder)
    assert files_below(folder).keys() == {*CLEAN, RECORD}
    assert not (tmp_path / "work.partial").exists()


def test_modes_are_not_taken_over(tmp_path):
    unpack(zip_with(tmp_path, "tool.sh", mode=stat.S_IFREG | 0o4777), tmp_path / "work")
    assert (tmp_path / "work" / "tool.sh").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    "name",
    ["../out.py", "a/../../out.py", "/etc/out.py", "C:/out.py", "..\\out.py", "a\\b.py", "a\nb.py", "a/b.py\0.txt"],
)
def test_a_zip_member_that_leads_out_is_refused(tmp_path, name):
    assert code_of(zip_with(tmp_path, name), tmp_path / "work") == ("ARCHIVE_HOSTILE", False)
    assert not list(tmp_path.parent.glob("out.py"))


@pytest.mark.parametrize("name", ["../out.py", "a/../../out.py", "/etc/out.py", "..\\out.py"])
def test_a_tar_member_that_leads_out_is_refused(tmp_path, name):
    sdist = build_sdist(tmp_path, {"fine.py": b"", name: b"x"})
    assert code_of(sdist, tmp_path / "work") == ("ARCHIVE_HOSTILE", False)


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_tar_entry_that_is_no_file_and_leads_out_is_refused(tmp_path, kind):
    sdist = build_sdist(tmp_path, {"../out": tar_entry("../out", kind)})
    assert code_of(sdist, tmp_path / "work") == ("ARCHIVE_HOSTILE", False)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("link", ["/etc/passwd", "../../secret", "a/../../../secret"])
def test_a_link_that_leads_out_is_refused(tmp_path, kind, link):
    sdist = build_sdist(tmp_path, {"tidy-1.2/shelf": tar_entry("tidy-1.2/shelf", kind, link)})
    assert code_of(sdist, tmp_path / "work") == ("ARCHIVE_HOSTILE", False)


@pytest.mark.parametrize("link", ["../../secret", "/etc/passwd"])
def test_a_link_in_a_zip_that_leads_out_is_refused(tmp_path, link):
    wheel = zip_with(tmp_path, "pkg/shelf", link.encode(), stat.S_IFLNK | 0o777)
    assert code_of(wheel, tmp_path / "work") == ("ARCHIVE_HOSTILE", False)


def test_a_link_that_stays_inside_is_passed_over(tmp_path):
    sdist = build_sdist(
        tmp_path,
        SDIST
        | {
            "tidy-1.2/soft": tar_entry("tidy-1.2/soft", tarfile.SYMTYPE, "src/../LICENSE"),
            "tidy-1.2/src/hard": tar_entry("tidy-1.2/src/hard", tarfile.LNKTYPE, "tidy-1.2/LICENSE"),
        },
    )
    links, _ = unpack(sdist, tmp_path / "work")
    assert links == ["tidy-1.2/soft (link)", "tidy-1.2/src/hard (link)"]
    assert files_below(tmp_path / "work") == SDIST


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["fine.py", "fine.py/inside.py", "n" * 300])
def test_a_member_that_cannot_stand_where_it_is_put_is_refused(tmp_path, second):
    assert code_of(zip_with(tmp_path, second), tmp_path / "work") == ("ARCHIVE_HOSTILE", False)


def test_a_bomb_is_given_up_before_it_is_unpacked(tmp_path):
    wheel = build_wheel(tmp_path, {"zeros": bytes(4 << 20)})
    limits = Limits(free_bytes=1 << 20)
    assert code_of(wheel, tmp_path / "work", limits) == ("ARCHIVE_TOO_LARGE", False)
    written = sum(len(content) for content in files_below(tmp_path / "work.partial").values())
    assert written <= 1 << 20
    unpack(wheel, tmp_path / "work", Limits(free_bytes=8 << 20))


def test_more_files_than_allowed_are_refused(tmp_path):
    limits = Limits(files=len(CLEAN))
    assert code_of(build_wheel(tmp_path), tmp_path / "work", limits) == ("ARCHIVE_TOO_LARGE", False)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.95])
def test_a_wheel_that_is_still_being_written_can_be_tried_again(tmp_path, share):
    wheel = build_wheel(tmp_path)
    content = wheel.read_bytes()
    wheel.write_bytes(content[: int(len(content) * share)])
    assert code_of(wheel, tmp_path / "work") == ("ARCHIVE_INCOMPLETE", True)
    wheel.write_bytes(content)
    unpack(wheel, tmp_path / "work")


@pytest.mark.parametrize("name", ["tidy-1.2.tar.gz", "tidy-1.2.tar.bz2", "tidy-1.2.tar.xz"])
@pytest.mark.parametrize("share", [0, 0.5, 0.95])
def test_an_sdist_that_is_still_being_written_can_be_tried_again(tmp_path, name, share):
    sdist = build_sdist(tmp_path, SDIST, name)
    content = sdist.read_bytes()
    sdist.write_bytes(content[: int(len(content) * share)])
    assert code_of(sdist, tmp_path / "work") == ("ARCHIVE_INCOMPLETE", True)


@pytest.mark.parametrize("blocks", range(1, 6))
def test_a_tar_file_without_its_end_can_be_tried_again(tmp_path, blocks):
    sdist = build_sdist(tmp_path, SDIST, "tidy-1.2.tar")
    for size in (512 * blocks, 512 * blocks + 100):
        sdist.write_bytes(sdist.read_bytes()[:size])
        assert code_of(sdist, tmp_path / "work") == ("ARCHIVE_INCOMPLETE", True)
        build_sdist(tmp_path, SDIST, "tidy-1.2.tar")


def test_a_header_that_wants_memory_is_refused(tmp_path):
    info = tarfile.TarInfo("tidy.py")
    info.pax_headers = {"comment": "x" * (8 << 20)}
    assert code_of(build_sdist(tmp_path, {"tidy.py": info}), tmp_path / "work") == ("ARCHIVE_HOSTILE", False)


def test_data_behind_the_end_is_refused(tmp_path):
    sdist = build_sdist(tmp_path, SDIST, "tidy-1.2.tar")
    with sdist.open("ab") as stream:
        stream.truncate(4 << 20)
    assert code_of(sdist, tmp_path / "work") == ("ARCHIVE_HOSTILE", False)


def test_an_archive_that_is_written_to_while_it_is_unpacked_can_be_tried_again(tmp_path):
    wheel = build_wheel(tmp_path)

    def touch(files):
        if files == len(CLEAN) + 1:
            with wheel.open("ab") as stream:
                stream.write(b"more")

    with pytest.raises(TaskError) as raised:
        unpack_archive(find_target(str(wheel)), tmp_path / "work", Limits(), touch)
    assert (raised.value.code, raised.value.retryable) == ("ARCHIVE_CHANGED", True)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("name", ["tidy.whl", "tidy.tar.gz", "tidy.zip"])
def test_what_is_no_archive_is_refused_for_good(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"#!/bin/sh\n" * 500)
    assert code_of(path, tmp_path / "work") == ("ARCHIVE_DAMAGED", False)


def test_a_damaged_member_is_refused_for_good(tmp_path):
    wheel = build_wheel(tmp_path, {"random": bytes(range(256)) * 64})
    content = bytearray(wheel.read_bytes())
    content[60] ^= 0xFF
    wheel.write_bytes(content)
    assert code_of(wheel, tmp_path / "work") == ("ARCHIVE_DAMAGED", False)


def test_unpacking_stops_where_it_is_told_to(tmp_path):
    def refuse(_files):
        raise PermanentError("not wanted", code="NOT_WANTED")

    with pytest.raises(PermanentError):
        unpack_archive(find_target(str(build_wheel(tmp_path))), tmp_path / "work", Limits(), refuse)
    assert not (tmp_path / "work").exists()
