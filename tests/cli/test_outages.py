"""A watch says on stderr that its server is lost and found, and gives up when its patience is over."""

import signal

import pytest

from tests.cli.conftest import ANSWERS_WITHIN, Commands, start


def serve(data, address):
    """Starts a server and returns it with its address, once it listens."""
    options = ["--listen", address, "--app", "tests.cli.app:app", "--workers", "in-process"]
    server = start("serve", "--data", data, *options)
    assert server.stdout is not None
    return server, server.stdout.readline().split()[-1]


def end(process):
    """Ends a server as a fault would: at once."""
    process.kill()
    process.communicate(timeout=ANSWERS_WITHIN)


@pytest.mark.parametrize("output", [["--columns", "execution_id"], ["-o", "json"], ["--events", "--from-beginning"]])
def test_a_lost_server_is_told_and_so_is_a_found_one(tmp_path, output):
    server, address = serve(tmp_path, "127.0.0.1:0")
    Commands(address).json("execute", "waiting", "--async", "--id", "first")
    with start("watch", "--integration", "waiting", *output, "--server", address) as watching:
        assert "first" in watching.stdout.readline()
        end(server)
        assert watching.stderr.readline() == f"the server at {address} is lost (UNAVAILABLE), looking for it\n"
        server, _ = serve(tmp_path, address)
        assert watching.stderr.readline() == f"the server at {address} is there again\n"
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=ANSWERS_WITHIN)
    end(server)


def test_a_watch_gives_up_when_its_patience_is_over(tmp_path):
    server, address = serve(tmp_path, "127.0.0.1:0")
    Commands(address).json("execute", "waiting", "--async", "--id", "first")
    with start("watch", "first", "--patience", "100ms", "--server", address) as watching:
        watching.stdout.readline()
        end(server)
        _, stderr = watching.communicate(timeout=ANSWERS_WITHIN)
    assert watching.returncode == 5
    assert stderr.startswith(f"error: no server answers at {address}")
