"""The tasks of the audit. Each can be tried again at any time: it leaves behind the same, or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from examples.package_audit import report as reports
from examples.package_audit.archives import Limits, unpack_archive
from examples.package_audit.contents import list_folder, list_installed
from examples.package_audit.digests import digest_file
from examples.package_audit.folders import locked, work_folder, write_whole
from examples.package_audit.metadata import read_metadata_of
from examples.package_audit.model import (
    Comparison,
    Contents,
    FileDigest,
    Metadata,
    Report,
    SourceFindings,
    Target,
    TargetKind,
)
from examples.package_audit.record import compare_with_record
from examples.package_audit.sources import inspect_files
from examples.package_audit.targets import find_target
from perdure import App, Exponential, PermanentError, TaskContext

app = App("package-audit")

_SOON: Final = Exponential(max_retries=4, interval="200ms", max_interval="2s")
"""For what others are about to finish: a file that is being written."""

_PATIENTLY: Final = Exponential(max_retries=8, interval="500ms", max_interval="10s")
"""For a lock that another audit holds while it writes."""

_LARGE_BYTES: Final = 8 << 20
_FILES_A_MESSAGE: Final = 100


@app.task()
def locate(target: str) -> Target:
    """Find the distribution."""
    return find_target(target)


@app.task(retry=_SOON, timeout="5m")
def unpack(ctx: TaskContext, target: Target, report_dir: str) -> Contents:
    """Lay the files out where every task can read them."""
    if target.kind is TargetKind.INSTALLED:
        return list_installed(target)
    if target.kind is TargetKind.DIRECTORY:
        return list_folder(target, Path(target.path), [], left_out=Path(report_dir).resolve())

    def unpacked(files: int) -> None:
        if ctx.cancelled:
            raise PermanentError("the audit is not wanted any more", code="NOT_WANTED")
        if files % _FILES_A_MESSAGE == 0:
            ctx.message(f"{files} files unpacked")

    folder = work_folder(report_dir, ctx.execution)
    links = unpack_archive(target, folder, Limits(), unpacked)
    contents = list_folder(target, folder, links)
    ctx.message(f"{len(contents.files)} files to audit")
    return contents


@app.task(retry=_SOON, timeout="5m")
def hash_file(ctx: TaskContext, path: str, root: str) -> FileDigest:
    """Hash one file."""

    def read(so_far: int, size: int) -> None:
        if ctx.cancelled:
            raise PermanentError("the audit is not wanted any more", code="NOT_WANTED")
        if size > _LARGE_BYTES:
            ctx.progress(min(100 * so_far // size, 100))

    return digest_file(Path(root), path, read)


@app.task()
def read_metadata(contents: Contents) -> Metadata:
    """Read name, version, licences and requirements."""
    return read_metadata_of(contents)


@app.task(retry=_SOON, timeout="10m", executor="process")
def inspect_sources(ctx: TaskContext, root: str, files: list[str]) -> SourceFindings:
    """Parse every Python file. In a process of its own, since foreign code can bring the parser down."""
    return inspect_files(Path(root), files, ctx.progress)


@app.task()
def compare_record(ctx: TaskContext, contents: Contents, digests: list[FileDigest]) -> Comparison:
    """Hold the files against RECORD."""
    comparison = compare_with_record(contents, digests)
    if comparison.record:
        ctx.message(f"{comparison.verified} files as recorded, {comparison.faults} differences")
    else:
        ctx.message("there is no RECORD")
    return comparison


@app.task(retry=_PATIENTLY)
def write_findings(metadata: Metadata, sources: SourceFindings, comparison: Comparison, report_dir: str) -> str:
    """Write the list of findings and return its path."""
    with locked(Path(report_dir).resolve()):
        path = _report_folder(report_dir, metadata) / "findings.md"
        write_whole(path, reports.findings_as_markdown(metadata, sources, comparison))
        return str(path)


@app.task(retry=_PATIENTLY)
def write_report(
    ctx: TaskContext,
    contents: Contents,
    metadata: Metadata,
    digests: list[FileDigest],
    sources: SourceFindings,
    comparison: Comparison,
    report_dir: str,
) -> Report:
    """Write the report in both forms."""
    audit = reports.Audit(contents, metadata, digests, sources, comparison)
    with locked(Path(report_dir).resolve()):
        folder = _report_folder(report_dir, metadata)
        if not (sources.total or comparison.faults):
            # Of an earlier audit of the same version, which found something.
            (folder / "findings.md").unlink(missing_ok=True)
        write_whole(folder / "report.json", reports.as_json(audit))
        write_whole(folder / "report.md", reports.as_markdown(audit))
    ctx.message(f"the report is in {folder}")
    return Report(
        report=str(folder / "report.md"),
        report_json=str(folder / "report.json"),
        files=len(digests),
        findings=sources.total,
        faults=comparison.faults,
    )


@app.task()
def remove_copy(ctx: TaskContext, report_dir: str) -> None:
    """Remove what was unpacked. The folder follows from the execution and not from data, so it is no one else's."""
    shutil.rmtree(work_folder(report_dir, ctx.execution), ignore_errors=True)


def _report_folder(report_dir: str, metadata: Metadata) -> Path:
    folder = Path(report_dir).resolve() / reports.folder_name(metadata)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
