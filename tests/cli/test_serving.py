"""`perdure serve`, `worker` and `run` as processes: first line, signals, exit codes."""

import json
import signal

import pytest

from tests.cli.conftest import ANSWERS_WITHIN, Commands, start

LISTENING = "perdure: listening on "


def finish(process):
    stdout, stderr = process.communicate(timeout=ANSWERS_WITHIN)
    return process.returncode, stdout, stderr


def serve(data, *options):
    return start("serve", "--data", data, "--listen", "127.0.0.1:0", *options)


def address_of(process):
    line = process.stdout.readline()
    assert line.startswith(LISTENING), process.stderr.read()
    return line.split()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_it_listens_and_a_signal_ends_it_with_0(tmp_path, number):
    with serve(tmp_path / "data") as server:
        address = address_of(server)
        assert Commands(address).json("list") == []
        server.send_signal(number)
        assert finish(server)[0] == 0


def test_serve_goes_on_with_what_it_accepted_before(tmp_path):
    for attempt in range(2):
        with serve(tmp_path / "data", "--app", "tests.cli.app:app") as server:
            commands = Commands(address_of(server))
            if attempt == 0:
                commands.json("execute", "total", "a=1", "--at", "2999-01-01T00:00:00Z", "--id", "kept")
            else:
                assert commands.json("get", "kept")["executionDetails"]["state"] == "PENDING"
                assert commands.json("execute", "total", "a=1")["outputs"] == {"result": 6}
            server.terminate()
            assert finish(server)[0] == 0


def test_a_second_server_on_the_same_data_refuses(tmp_path):
    with serve(tmp_path / "data") as first:
        address_of(first)
        with serve(tmp_path / "data") as second:
            code, stdout, stderr = finish(second)
        assert (code, stdout) == (3, "")
        assert stderr.startswith("error: ")
        assert "Traceback" not in stderr
        first.terminate()
        assert finish(first)[0] == 0


def test_a_taken_address_is_refused(tmp_path):
    with serve(tmp_path / "one") as first:
        address = address_of(first)
        with start("serve", "--data", tmp_path / "two", "--listen", address) as second:
            code, _, stderr = finish(second)
        assert code == 3
        assert f"cannot listen on {address}" in stderr
        first.terminate()
        finish(first)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--listen", "0.0.0.0:0"], "authentication"),
        (["--listen", "nonsense"], "HOST:PORT"),
        (["--app", "tests.cli.nothing:app"], "no module"),
        (["--app", "tests.cli.app:total", "--workers", "sideways"], "--workers"),
    ],
)
def test_settings_that_cannot_be_used_exit_with_2(tmp_path, options, says):
    with start("serve", "--data", tmp_path / "data", *options) as server:
        code, stdout, stderr = finish(server)
    assert (code, stdout) == (2, "")
    assert says in stderr
    assert "Traceback" not in stderr


def test_a_worker_performs_tasks_until_it_is_told_to_end(tmp_path):
    with serve(tmp_path / "data", "--workers", "none", "--app", "tests.cli.app:app") as server:
        address = address_of(server)
        with start("worker", "--app", "tests.cli.app:app", "--server", address, "--worker-id", "w1") as worker:
            assert worker.stdout.readline() == f"perdure: worker w1 performs 4 tasks for {address}\n"
            assert Commands(address).json("execute", "total", "a=1")["outputs"] == {"result": 6}
            worker.terminate()
            assert finish(worker)[0] == 0
        server.terminate()
        assert finish(server)[0] == 0


@pytest.mark.parametrize("workers", ["process", "in-process"])
def test_run_needs_nothing_and_prints_outputs(workers):
    with start("run", "tests.cli.app:total", "a=40", "--workers", workers, "-o", "json") as run:
        code, stdout, stderr = finish(run)
    assert code == 0, stderr
    assert json.loads(stdout)["outputs"] == {"result": 84}
    assert "sum  SUCCEED" in stderr
    assert "\x1b" not in stdout + stderr


def test_run_shows_each_change_as_a_line_where_there_is_no_terminal():
    with start("run", "tests.cli.app:failing", "text=no stock") as run:
        code, stdout, stderr = finish(run)
    assert code == 1
    assert "fail  RETRY_ON_HOLD" in stdout
    assert "fail  FAILED  attempt 2" in stdout
    assert "/integrations/failing/executions/" in stdout
    assert "error: ValueError: no stock" in stderr
    assert "INFO" not in stderr


def test_run_prints_json_of_a_failure_too():
    with start("run", "tests.cli.app:failing", "text=no stock", "--id", "failed-1", "-o", "json") as run:
        code, stdout, _ = finish(run)
    assert code == 1
    told = json.loads(stdout)
    assert told["execution"].endswith("/executions/failed-1")
    assert (told["state"], told["error"]["message"]) == ("FAILED", "ValueError: no stock")


def test_verbose_logs_are_those_of_perdure(tmp_path):
    with serve(tmp_path / "data", "-v", "--app", "tests.cli.app:app") as server:
        assert Commands(address_of(server)).json("execute", "total", "a=1")["outputs"] == {"result": 6}
        server.terminate()
        code, _, stderr = finish(server)
    assert code == 0
    assert not [line for line in stderr.splitlines() if "aiosqlite" in line or "grpc" in line or "asyncio" in line]


@pytest.mark.parametrize("command", ["execute", "watch"])
def test_who_interrupts_a_command_is_told_that_the_execution_goes_on(tmp_path, command):
    with serve(tmp_path / "data", "--app", "tests.cli.app:app") as server:
        address = address_of(server)
        commands = Commands(address)
        if command == "watch":
            commands.json("execute", "waiting", "--async", "--id", "going-1")
            arguments = ["watch", "going-1"]
        else:
            arguments = ["execute", "waiting", "--id", "going-1"]
        with start(*arguments, "--server", address) as waiting:
            while commands("get", "going-1").exit_code != 0:
                assert waiting.poll() is None
            if command == "watch":
                assert "PENDING" in waiting.stdout.readline()
            waiting.send_signal(signal.SIGINT)
            code, _, stderr = finish(waiting)
        assert code == 130
        assert stderr.startswith("interrupted\n")
        assert "the execution goes on; `perdure watch going-1` follows it" in stderr
        assert commands.json("get", "going-1")["executionDetails"]["state"] == "PROCESSING"
        server.terminate()
        finish(server)


def test_run_keeps_the_execution_where_it_is_told_to(tmp_path):
    with start("run", "tests.cli.app:total", "a=1", "--data", tmp_path / "kept", "--id", "kept-1") as run:
        assert finish(run)[0] == 0
    with serve(tmp_path / "kept") as server:
        assert Commands(address_of(server)).json("get", "kept-1")["executionDetails"]["state"] == "SUCCEEDED"
        server.terminate()
        finish(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_that_is_interrupted_ends_cleanly(number):
    with start("run", "tests.cli.app:waiting") as run:
        while "wait_for_cancel  IN_PROCESS" not in run.stdout.readline():
            assert run.poll() is None
        run.send_signal(number)
        code, _, stderr = finish(run)
    assert code == 130
    assert stderr == "interrupted\n"


def test_a_server_that_is_not_there_exits_with_5():
    with start("version", "--server", "127.0.0.1:1") as version:
        code, _, stderr = finish(version)
    assert code == 5
    assert stderr.startswith("error: no server answers at 127.0.0.1:1")
    assert "hint: `perdure serve` starts one" in stderr
