"""The reports say what was found, and foreign text in them stays text."""

import json

from examples.package_audit.model import (
    Comparison,
    Contents,
    FileDigest,
    Finding,
    Metadata,
    SourceFindings,
    TargetKind,
)
from examples.package_audit.report import Audit, as_json, as_markdown, findings_as_markdown, folder_name

METADATA = Metadata(
    source="PKG-INFO",
    name="tidy",
    version="1.2",
    summary="Puts *things* away",
    licence="MIT",
    licence_classifiers=["License :: OSI Approved :: MIT License"],
    licence_files=["LICENSE"],
    requires_python=">=3.11",
    requirements=["click>=8"],
)
NOTHING_FOUND = SourceFindings(parsed=2, lines=30, total=0, counts={"print": 0}, first=[])
AS_RECORDED = Comparison(record="tidy-1.2.dist-info/RECORD", verified=3, faults=0, differences=[])


def audit_with(findings=NOTHING_FOUND, comparison=AS_RECORDED, metadata=METADATA, passed_over=()):
    contents = Contents(TargetKind.WHEEL, "dist/tidy.whl", "copy", ["a.py", "b|`c.py"], list(passed_over), copied=True)
    digests = [FileDigest("a.py", "00" * 32, 10), FileDigest("b|`c.py", "11" * 32, 20)]
    return Audit(contents, metadata, digests, findings, comparison)


def test_an_audit_that_found_nothing_says_so():
    text = as_markdown(audit_with())
    assert "# Audit of tidy 1.2\n" in text
    assert "**All 3 files with a hash are as RECORD says; 0 findings in 2 Python files.**" in text
    assert "| licence | MIT, License :: OSI Approved :: MIT License |" in text
    assert "| files | 2, 30 bytes |" in text


def test_an_audit_that_found_something_leads_to_it():
    found = SourceFindings(2, 30, 1, {"print": 1, "assert": 0}, [Finding("print", "a.py", 7, "print(...)")])
    text = as_markdown(audit_with(found, Comparison("", 0, 0, [])))
    assert "**There is no RECORD to hold the files against; 1 findings in 2 Python files: see findings.md.**" in text
    assert "| findings | 1 print |" in text


def test_the_findings_are_listed_by_kind():
    found = SourceFindings(
        2,
        30,
        9,
        {},
        [Finding("print", "a.py", 7, "print(...)"), Finding("not-parsed", "b.py", 0, "SyntaxError: <b>")],
    )
    compared = Comparison("RECORD", 0, 1, [Finding("missing", "gone.py", 0, "only in RECORD")])
    text = findings_as_markdown(METADATA, found, compared)
    assert "The first 2 of 9." in text
    assert "| `gone.py` | `only in RECORD` |" in text
    assert "| `a.py:7` | `print(...)` |" in text
    assert "| `b.py` | `SyntaxError: <b>` |" in text
    assert text.index("RECORD") < text.index("### not-parsed") < text.index("### print")


def test_foreign_text_stays_text():
    text = as_markdown(audit_with(passed_over=["`x`\n# no heading"]))
    assert "Puts \\*things\\* away" in text
    assert "| `b\\|'c.py` | 20 |" in text
    assert "- `'x'# no heading`" in text


def test_the_json_holds_everything():
    document = json.loads(as_json(audit_with()))
    assert document["target"] == {"kind": "wheel", "path": "dist/tidy.whl"}
    assert document["metadata"]["name"] == "tidy"
    assert document["files"][1] == {"path": "b|`c.py", "sha256": "11" * 32, "size": 20}


def test_the_folder_of_a_distribution_is_one_folder():
    def named(name, version):
        return folder_name(Metadata("", name, version, "", "", [], [], "", []))

    assert named("tidy", "1.2+local") == "tidy-1.2_local"
    assert named("../..", "/") == "_..-_"
    assert named("tidy", "") == "tidy-unversioned"
    assert len(named("x" * 1000, "1")) == 200
