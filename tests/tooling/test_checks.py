"""The checks of the build see what they are there for: each fault is planted, then looked for."""

import pytest

from scripts import check_house, check_sizes


def faults(name, text):
    return [fault for _, fault in check_house.faults_of(name, text)]


@pytest.mark.parametrize(
    "line",
    [
        "data = '/" + "tmp/perdure.db'",
        "see /" + "home/someone/notes",
        "index = 'https://py" + "pi.org/simple'",
        "-----BEGIN EC PRIVATE " + "KEY-----",
        "url = 'https://user:" + "secret@example.com'",
        "# TO" + "DO: later",
    ],
)
def test_a_text_rule_sees_its_fault(line):
    assert len(faults("src/perdure/server.py", line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "projects/p/locations/local/integrations/work",
        "data = tmp_path / 'perdure.db'",
        "https://github.com/protocolbuffers/protobuf",
        "f'{folder}/tmp'",
        "unix:///run/perdure.sock",
    ],
)
def test_ordinary_text_passes(line):
    assert faults("src/perdure/server.py", line) == []


def test_a_name_without_meaning_is_refused():
    assert faults("src/perdure/utils.py", "") == ["name without meaning: utils"]
    assert faults("src/perdure/common/value.py", "") == ["name without meaning: common"]


def test_a_lock_file_with_addresses_is_refused():
    assert faults("clients/node/package-lock.json", '"resolved": "https://example.com/a.tgz"') != []
    assert faults("uv.lock", "") != []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(0.1)",
        "from time import sleep",
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)",
        "import asyncio\nasync def f():\n    await asyncio.wait_for(g(), 1)",
    ],
)
def test_a_test_that_passes_time_is_refused(text):
    assert len(faults("tests/test_time.py", text)) == 1


def test_yielding_to_other_tasks_is_no_sleep():
    assert faults("tests/test_time.py", "import asyncio\nasync def f():\n    await asyncio.sleep(0)") == []


def test_the_size_stops_see_a_long_module_and_a_long_function(tmp_path):
    module = tmp_path / "long.py"
    module.write_text("def f():\n" + "    x = 1\n" * 400)
    assert list(check_sizes.oversized(module)) == [
        "1: module has 401 lines, 400 are allowed",
        "1: f has 401 lines, 60 are allowed",
    ]


def test_generated_code_has_no_size_limit(tmp_path):
    generated = tmp_path / "src" / "perdure" / "v1" / "execution_pb2.py"
    generated.parent.mkdir(parents=True)
    generated.write_text("x = 1\n" * 500)
    assert list(check_sizes.hand_written(tmp_path)) == []
