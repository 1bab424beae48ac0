"""The proto files are well kept: linted, formatted, compatible, commented, with true copies of what is vendored."""

import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import google.api
import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

MARKS = {
    field_behavior_pb2.REQUIRED: "Required. ",
    field_behavior_pb2.OPTIONAL: "Optional. ",
    field_behavior_pb2.OUTPUT_ONLY: "Output only. ",
    field_behavior_pb2.IDENTIFIER: "Identifier. ",
}
MESSAGE, NESTED, FIELD = 4, 3, 2
"""Field numbers in `FileDescriptorProto` and `DescriptorProto`, of which the paths of comments are made."""


def buf(root: Path, *arguments: str) -> bytes:
    program = shutil.which("buf", path=sysconfig.get_path("scripts")) or "buf"
    done = subprocess.run([program, *arguments], cwd=root, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


@pytest.mark.needs("buf")
def test_every_element_has_a_comment_and_every_name_the_right_form(root: Path):
    buf(root, "lint")


@pytest.mark.needs("buf")
def test_the_files_are_formatted(root: Path):
    buf(root, "format", "--diff", "--exit-code", "--exclude-path", "protos/google")


@pytest.mark.needs("buf")
@pytest.mark.parametrize("baseline", ["v1", "internal_v1"])
def test_nothing_breaks_what_was_released(root: Path, baseline: str):
    buf(root, "breaking", "--against", f"protos/baseline/{baseline}.binpb")


@pytest.mark.needs("buf")
def test_comments_begin_with_what_the_annotation_says(root: Path):
    image = FileDescriptorSet.FromString(buf(root, "build", "--path", "protos/perdure/v1", "-o", "-"))
    wrong = []
    for file in image.file:
        if file.package != "perdure.v1":
            continue
        comments = {tuple(place.path): place.leading_comments.strip() for place in file.source_code_info.location}
        for path, field in _fields(file):
            marks = [MARKS[kind] for kind in field.options.Extensions[field_behavior_pb2.field_behavior]]
            if marks and not comments[path].startswith(marks[0]):
                wrong.append((file.name, field.name, comments[path]))
    assert wrong == []


def _fields(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], FieldDescriptorProto]]:
    for index, message in enumerate(file.message_type):
        yield from _fields_below((MESSAGE, index), message)


def _fields_below(
    path: tuple[int, ...], message: DescriptorProto
) -> Iterator[tuple[tuple[int, ...], FieldDescriptorProto]]:
    if message.options.map_entry:
        return
    for index, field in enumerate(message.field):
        yield (*path, FIELD, index), field
    for index, nested in enumerate(message.nested_type):
        yield from _fields_below((*path, NESTED, index), nested)


def test_vendored_files_are_the_installed_ones(root: Path):
    vendored = sorted((root / "protos/google/api").iterdir())
    assert [path.name for path in vendored] == ["field_behavior.proto", "resource.proto"]
    for path in vendored:
        installed = next(
            Path(folder) / path.name for folder in google.api.__path__ if (Path(folder) / path.name).exists()
        )
        assert path.read_bytes() == installed.read_bytes(), path.name


def test_nothing_of_google_is_generated(root: Path):
    assert not (root / "src/google").exists()
    assert not (root / "src/perdure/google").exists()
