"""The tasks, called as the functions they are, in the order of the graph."""

import fcntl
import json
from pathlib import Path

import pytest

from examples.package_audit import audit, tasks
from examples.package_audit.model import TargetKind
from perdure import PermanentError, TaskError
from tests.examples.contexts import make_context
from tests.examples.distributions import CLEAN, SDIST, build_sdist, build_wheel, record_of, write_files

BAD = {"tidy/bad.py": b"try:\n    x = 1\nexcept:\n    x = 2\n"}


def perform(target, report_dir):
    """Perform every task once, as the integration would."""
    context = make_context()
    reports = str(report_dir)
    contents = tasks.unpack.handler(context, tasks.locate.handler(str(target)), reports)
    digests = [tasks.hash_file.handler(context, path, contents.root) for path in contents.files]
    metadata = tasks.read_metadata.handler(contents)
    sources = tasks.inspect_sources.handler(context, contents.root, contents.files)
    comparison = tasks.compare_record.handler(context, contents, digests)
    if sources.total > 0 or comparison.faults > 0:
        tasks.write_findings.handler(metadata, sources, comparison, reports)
    report = tasks.write_report.handler(context, contents, metadata, digests, sources, comparison, reports)
    if contents.copied:
        tasks.remove_copy.handler(context, reports)
    return report


def folder_listing(folder: Path):
    return sorted(path.name for path in folder.iterdir())


def test_a_clean_wheel_gets_a_clean_report(tmp_path):
    report = perform(build_wheel(tmp_path), tmp_path / "audit")
    assert (report.files, report.findings, report.faults) == (len(CLEAN) + 1, 0, 0)
    assert folder_listing(tmp_path / "audit" / "tidy-1.2") == ["report.json", "report.md"]
    assert json.loads(Path(report.report_json).read_text())["metadata"]["version"] == "1.2"


def test_a_wheel_with_faults_gets_a_list_of_them(tmp_path):
    wheel = build_wheel(tmp_path, CLEAN | BAD, record_of(CLEAN))
    report = perform(wheel, tmp_path / "audit")
    assert (report.findings, report.faults) == (1, 1)
    findings = (Path(report.report).parent / "findings.md").read_text()
    assert "bare-except" in findings
    assert "not in RECORD" in findings


def test_a_report_without_findings_takes_away_those_of_an_earlier_one(tmp_path):
    perform(build_wheel(tmp_path, CLEAN | BAD), tmp_path / "audit")
    perform(build_wheel(tmp_path), tmp_path / "audit")
    assert folder_listing(tmp_path / "audit" / "tidy-1.2") == ["report.json", "report.md"]


def test_the_copy_is_gone_at_the_end(tmp_path):
    perform(build_wheel(tmp_path), tmp_path / "audit")
    assert folder_listing(tmp_path / "audit" / ".work") == []


def test_an_sdist_a_directory_and_an_installed_package_are_audited(tmp_path, monkeypatch):
    assert perform(build_sdist(tmp_path, SDIST), tmp_path / "audit").files == 3
    folder = write_files(tmp_path / "site", CLEAN | {"tidy-1.2.dist-info/RECORD": record_of(CLEAN)})
    assert perform(folder, folder / "audit").files == len(CLEAN) + 1
    assert perform(folder, folder / "audit").files == len(CLEAN) + 1, "its own reports are not part of it"
    monkeypatch.syspath_prepend(str(folder))
    assert perform("tidy", tmp_path / "audit").files == len(CLEAN) + 1
    assert (folder / "tidy" / "shelf.py").exists()


def test_every_task_leaves_the_same_when_it_is_performed_again(tmp_path):
    wheel = build_wheel(tmp_path, CLEAN | BAD)
    report = perform(wheel, tmp_path / "audit")
    first = {path.name: path.read_bytes() for path in Path(report.report).parent.iterdir()}
    assert perform(wheel, tmp_path / "audit") == report
    assert {path.name: path.read_bytes() for path in Path(report.report).parent.iterdir()} == first


def test_reports_are_not_written_while_another_audit_writes(tmp_path):
    reports = tmp_path / "audit"
    reports.mkdir()
    with (reports / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TaskError) as raised:
            perform(build_wheel(tmp_path), reports)
        assert (raised.value.code, raised.value.retryable) == ("REPORTS_LOCKED", True)
    assert perform(build_wheel(tmp_path), reports).faults == 0


def test_unpacking_stops_when_it_is_not_wanted_any_more(tmp_path):
    context = make_context()
    context.cancel()
    with pytest.raises(PermanentError) as raised:
        tasks.unpack.handler(context, tasks.locate.handler(str(build_wheel(tmp_path))), str(tmp_path / "audit"))
    assert raised.value.code == "NOT_WANTED"


def test_unpacking_says_how_far_it_is(tmp_path):
    said: list[str] = []
    wheel = build_wheel(tmp_path, {f"tidy/m{number}.py": b"" for number in range(250)})
    tasks.unpack.handler(make_context(said=said), tasks.locate.handler(str(wheel)), str(tmp_path / "audit"))
    assert said == ["100 files unpacked", "200 files unpacked", "251 files to audit"]


def test_each_execution_unpacks_into_a_folder_of_its_own(tmp_path):
    target = tasks.locate.handler(str(build_wheel(tmp_path)))
    one = tasks.unpack.handler(make_context("one"), target, str(tmp_path / "audit"))
    two = tasks.unpack.handler(make_context("two"), target, str(tmp_path / "audit"))
    assert one.root != two.root
    tasks.remove_copy.handler(make_context("one"), str(tmp_path / "audit"))
    assert Path(two.root, "tidy").exists()
    assert target.kind is TargetKind.WHEEL


def test_the_graph_is_what_the_readme_draws():
    edges = [
        (task.task_id, following.task_id, bool(following.condition))
        for task in audit.definition.tasks
        for following in task.next_tasks
    ]
    assert edges == [
        ("locate", "unpack", False),
        ("unpack", "hash_file_each", False),
        ("unpack", "read_metadata", False),
        ("unpack", "inspect_sources", False),
        ("hash_file_each", "compare_record", False),
        ("read_metadata", "compare_record", False),
        ("inspect_sources", "compare_record", False),
        ("compare_record", "write_findings", True),
        ("compare_record", "write_report", False),
        ("write_findings", "write_report", False),
        ("write_report", "remove_copy", True),
    ]
