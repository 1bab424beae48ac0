"""Audits a Python distribution that is really there: `perdure run examples.package_audit:audit target=PATH`."""

from examples.package_audit.model import Report
from examples.package_audit.tasks import (
    app,
    compare_record,
    hash_file,
    inspect_sources,
    locate,
    read_metadata,
    remove_copy,
    unpack,
    write_findings,
    write_report,
)
from perdure import for_each, parallel, when

__all__ = ["app", "audit"]


@app.integration(trigger="api_trigger/audit", max_runtime="1h", labels={"example": "package-audit"})
def audit(target: str, report_dir: str = "build/audit") -> Report:
    """Audit a wheel, an sdist, a directory or an installed package, and write a report.

    Args:
        target: A path, or the name of an installed package. Paths are relative to where the worker runs.
        report_dir: Where the reports go.
    """
    contents = unpack(locate(target), report_dir)
    with parallel():
        digests = for_each(hash_file, contents.files, root=contents.root)
        metadata = read_metadata(contents)
        sources = inspect_sources(contents.root, contents.files)
    comparison = compare_record(contents, digests)
    with when((sources.total > 0) | (comparison.faults > 0)):
        write_findings(metadata, sources, comparison, report_dir)
    report = write_report(contents, metadata, digests, sources, comparison, report_dir)
    with when(contents.copied):
        remove_copy(report_dir)
    return report
