"""What the tasks of the audit hand to each other; each dataclass becomes one JSON object on its way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TargetKind(StrEnum):
    """What can be audited."""

    WHEEL = "wheel"
    SDIST = "sdist"
    DIRECTORY = "directory"
    INSTALLED = "installed"


@dataclass(frozen=True, slots=True)
class Target:
    """A distribution that was found.

    Attributes:
        path: The archive or directory, absolute; of an installed package the folder that its files are counted from.
        package: Name of the installed package; empty for every other kind.
    """

    kind: TargetKind
    path: str
    package: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The files to audit, where every task can read them.

    Attributes:
        kind: What they came from.
        origin: The archive or folder as it was found, absolute.
        root: The folder that all paths are relative to, absolute.
        files: Paths with `/`, sorted.
        passed_over: What is there and is no readable file of its own, with the reason, sorted.
        copied: Whether `root` is a copy made for this audit, to be removed at its end.
    """

    kind: TargetKind
    origin: str
    root: str
    files: list[str]
    passed_over: list[str]
    copied: bool


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What one file holds.

    Attributes:
        sha256: In hexadecimal.
        size: In bytes.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the distribution says of itself.

    Attributes:
        source: Path of the file that says it.
        licence: The licence expression, or the older free text in one line; empty if there is none.
        licence_classifiers: The classifiers that name a licence.
        licence_files: Paths of the files that hold licence texts.
        requires_python: Which versions of Python it wants; empty for any.
        requirements: The distributions it needs, as it writes them.
    """

    source: str
    name: str
    version: str
    summary: str
    licence: str
    licence_classifiers: list[str]
    licence_files: list[str]
    requires_python: str
    requirements: list[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that a reader of the code should look at.

    Attributes:
        kind: One of the kinds of `sources.KINDS` or of `record.KINDS`.
        line: From 1; 0 if it is about the whole file.
        detail: What is there, in a few words.
    """

    kind: str
    path: str
    line: int
    detail: str


@dataclass(frozen=True, slots=True)
class SourceFindings:
    """What was found in the Python files.

    Attributes:
        parsed: How many files were parsed.
        lines: How many lines they have.
        total: How many findings there are.
        counts: The same by kind; every kind is there.
        first: The first of them, in the order of the files, at most `sources.KEPT`.
    """

    parsed: int
    lines: int
    total: int
    counts: dict[str, int]
    first: list[Finding]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The files held against RECORD.

    Attributes:
        record: Path of RECORD; empty if there is none.
        verified: How many files have the size and the hash that RECORD gives.
        faults: How many differences there are.
        differences: The differences themselves, in the order of their paths, at most `record.KEPT`.
    """

    record: str
    verified: int
    faults: int
    differences: list[Finding]


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit leaves behind.

    Attributes:
        report: Path of the report in Markdown.
        report_json: Path of the report in JSON.
        findings: How many findings there are in the code.
        faults: How many differences there are from RECORD.
    """

    report: str
    report_json: str
    files: int
    findings: int
    faults: int
