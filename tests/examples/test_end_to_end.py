"""The audit as users run it: by the command line, and on a server where real things go wrong."""

import asyncio
import fcntl
import json
import os
import sys
from pathlib import Path

import pytest

from examples.package_audit import app
from perdure.client import ExecutionFailed
from perdure.testing.server import local_server
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails
from tests.examples.distributions import CLEAN, build_wheel, record_of

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
BAD = {"tidy/bad.py": b"try:\n    x = 1\nexcept:\n    x = 2\n"}


async def run_command(*arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perdure", "run", "examples.package_audit:audit", *arguments),
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "src")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_shows_the_run_and_leaves_the_report(tmp_path):
    wheel = build_wheel(tmp_path, CLEAN | BAD, record_of(CLEAN))
    code, out, err = await run_command(f"target={wheel}", f"report_dir={tmp_path / 'audit'}")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert [line for line in lines if line[1:3] == ["write_findings", "SUCCEED"]]
    assert ["files", str(len(CLEAN) + 2)] in lines
    assert ["findings", "1"] in lines
    assert ["faults", "1"] in lines
    folder = tmp_path / "audit" / "tidy-1.2"
    assert sorted(path.name for path in folder.iterdir()) == ["findings.md", "report.json", "report.md"]


async def test_the_command_tells_why_there_is_no_report(tmp_path):
    code, _, err = await run_command("target=no-such-package", f"report_dir={tmp_path}")
    assert code == 1
    assert "reason: TARGET_NOT_FOUND" in err


async def test_a_wheel_without_faults_skips_the_findings(tmp_path):
    async with local_server(app) as server:
        inputs = {"target": str(build_wheel(tmp_path)), "report_dir": str(tmp_path / "audit")}
        result = await server.client.execute("audit", inputs)
        assert {key: result.outputs[key] for key in ("files", "findings", "faults")} == {
            "files": len(CLEAN) + 1,
            "findings": 0,
            "faults": 0,
        }
        execution = await server.client.get(result.name)
        newest = execution.execution_details.execution_snapshots[0]
        states = {task.task_number: task.task_execution_state for task in newest.task_execution_details}
        assert states["write_findings"] == TaskExecutionDetails.SKIPPED
        assert states["remove_copy"] == TaskExecutionDetails.SUCCEED
    document = json.loads((tmp_path / "audit" / "tidy-1.2" / "report.json").read_text())
    assert document["comparison"]["verified"] == len(CLEAN)


async def test_what_is_not_there_fails_the_execution(tmp_path):
    async with local_server(app) as server:
        with pytest.raises(ExecutionFailed) as raised:
            await server.client.execute("audit", {"target": str(tmp_path / "none.whl"), "report_dir": str(tmp_path)})
        assert "none.whl" in str(raised.value)


async def test_a_wheel_that_is_complete_at_the_next_attempt_is_audited(tmp_path):
    wheel = build_wheel(tmp_path)
    content = wheel.read_bytes()
    wheel.write_bytes(content[: len(content) // 2])
    failures = await failures_until_end(tmp_path, wheel, lambda: wheel.write_bytes(content))
    assert failures == [("unpack", "ARCHIVE_INCOMPLETE")]


async def test_an_audit_waits_for_another_one_that_writes_reports(tmp_path):
    reports = tmp_path / "audit"
    reports.mkdir()
    with (reports / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        failures = await failures_until_end(tmp_path, build_wheel(tmp_path), lock.close)
    assert failures == [("write_report", "REPORTS_LOCKED")]


async def failures_until_end(tmp_path, wheel, mend):
    """Run an audit, mend what is wrong at its first failure, and return all failures of an audit that succeeds."""
    failures = []
    async with local_server(app) as server, asyncio.timeout(60):
        started = await server.client.start("audit", {"target": str(wheel), "report_dir": str(tmp_path / "audit")})
        async with server.client.watch(started.name) as events:
            async for event in events:
                change = event.task_change
                if change.HasField("error") and change.error.code:
                    failures.append((change.task_number, change.error.code))
                    mend()
        ended = await server.client.get(started.name)
        assert ended.execution_details.state == ExecutionDetails.SUCCEEDED
    return failures
