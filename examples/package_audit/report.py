"""Writes down what an audit found, in Markdown and JSON.

Nothing in it depends on when or how often it is written, so that a task that is tried again writes the same.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from examples.package_audit import record, sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from examples.package_audit.model import (
        Comparison,
        Contents,
        FileDigest,
        Finding,
        Metadata,
        SourceFindings,
    )

_SHOWN: Final = 10
"""Rows of the tables that show the most of something."""


@dataclass(frozen=True, slots=True)
class Audit:
    """All that one audit knows."""

    contents: Contents
    metadata: Metadata
    digests: Sequence[FileDigest]
    findings: SourceFindings
    comparison: Comparison


def folder_name(metadata: Metadata) -> str:
    """Make the name of a distribution and its version into that of a folder."""
    text = f"{metadata.name}-{metadata.version or 'unversioned'}"
    return "".join(one if one.isalnum() or one in "._-" else "_" for one in text).strip(".")[:200]


def as_json(audit: Audit) -> str:
    """Write everything."""
    document = {
        "target": {"kind": audit.contents.kind, "path": audit.contents.origin},
        "metadata": asdict(audit.metadata),
        "sources": asdict(audit.findings),
        "comparison": asdict(audit.comparison),
        "passedOver": audit.contents.passed_over,
        "files": [asdict(digest) for digest in audit.digests],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_markdown(audit: Audit) -> str:
    """Write what people want to know."""
    metadata = audit.metadata
    lines = [f"# Audit of {_text(metadata.name)} {_text(metadata.version)}", ""]
    if metadata.summary:
        lines += [_text(metadata.summary), ""]
    lines += [f"**{_verdict(audit)}**", ""]
    lines += _table(("what", "value"), _facts(audit))
    lines += ["", "## Largest files", ""]
    largest = sorted(audit.digests, key=lambda digest: (-digest.size, digest.path))[:_SHOWN]
    lines += _table(("file", "bytes", "SHA-256"), [(_code(one.path), one.size, _code(one.sha256)) for one in largest])
    lines += ["", "## Kinds of files", ""]
    kinds = Counter(PurePosixPath(digest.path).suffix or "none" for digest in audit.digests)
    most = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))[:_SHOWN]
    lines += _table(("suffix", "files"), [(_code(suffix), count) for suffix, count in most])
    lines += _bullets("Passed over", audit.contents.passed_over)
    lines += _bullets("Requirements", metadata.requirements)
    return "\n".join(lines) + "\n"


def findings_as_markdown(metadata: Metadata, findings: SourceFindings, comparison: Comparison) -> str:
    """Write every finding and difference that was kept, by kind."""
    lines = [f"# Findings in {_text(metadata.name)} {_text(metadata.version)}", ""]
    if comparison.faults:
        lines += _section("Differences from RECORD", comparison.differences, record.KINDS, comparison.faults)
    if findings.total:
        lines += _section("In the code", findings.first, sources.KINDS, findings.total)
    return "\n".join(lines).rstrip("\n") + "\n"


def _verdict(audit: Audit) -> str:
    faults, total = audit.comparison.faults, audit.findings.total
    if not audit.comparison.record:
        held = "There is no RECORD to hold the files against"
    elif faults:
        held = f"{faults} differences from RECORD"
    else:
        held = f"All {audit.comparison.verified} files with a hash are as RECORD says"
    return f"{held}; {total} findings in {audit.findings.parsed} Python files" + (
        ": see findings.md." if faults or total else "."
    )


def _facts(audit: Audit) -> list[tuple[object, object]]:
    metadata = audit.metadata
    counts = ", ".join(f"{count} {kind}" for kind, count in audit.findings.counts.items() if count)
    licences = ", ".join([metadata.licence, *metadata.licence_classifiers]).strip(", ")
    return [
        ("target", f"{audit.contents.kind} {_code(audit.contents.origin)}"),
        ("metadata", _code(metadata.source)),
        ("licence", _text(licences) or "not stated"),
        ("licence files", ", ".join(map(_code, metadata.licence_files)) or "none"),
        ("Python", _code(metadata.requires_python) if metadata.requires_python else "any"),
        ("files", f"{len(audit.digests)}, {sum(digest.size for digest in audit.digests)} bytes"),
        ("Python files", f"{audit.findings.parsed}, {audit.findings.lines} lines"),
        ("findings", counts or "none"),
        ("RECORD", _code(audit.comparison.record) if audit.comparison.record else "none"),
    ]


def _section(title: str, found: Sequence[Finding], kinds: Mapping[str, str], total: int) -> list[str]:
    lines = [f"## {title}", ""]
    if len(found) < total:
        lines += [f"The first {len(found)} of {total}.", ""]
    for kind, meaning in kinds.items():
        rows = [
            (_code(f"{one.path}:{one.line}" if one.line else one.path), _code(one.detail))
            for one in found
            if one.kind == kind
        ]
        if rows:
            lines += [
                f"### {kind}",
                "",
                f"What it means: {meaning}.",
                "",
                *_table(("where", "what"), rows),
                "",
            ]
    return lines


def _bullets(title: str, items: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {_code(item)}" for item in items)] if items else []


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    columns = list(head)
    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(map(str, row))} |" for row in rows),
    ]


def _text(text: str) -> str:
    """Take what Markdown and HTML would act upon out of foreign text."""
    return "".join(f"\\{one}" if one in r"\`*_[]<>|#" else one for one in text if one.isprintable())


def _code(text: str) -> str:
    shown = "".join(one for one in text if one.isprintable()).replace("`", "'")
    return f"`{shown}`".replace("|", "\\|")
