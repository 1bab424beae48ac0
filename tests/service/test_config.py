"""Settings: where they come from, and what is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from perdure.config import InvalidSettings, Settings, failpoint_environment, load_settings


def test_without_anything_the_defaults_hold():
    assert load_settings({}, {}) == Settings()


def test_a_file_gives_way_to_the_environment_and_that_to_flags(tmp_path):
    file = tmp_path / "perdure.toml"
    file.write_text('data = "from-file"\nlisten = "127.0.0.1:1"\nlocation = "x"\napps = ["a:b"]\ndrain_seconds = 3\n')
    environ = {"PERDURE_CONFIG": str(file), "PERDURE_LISTEN": "127.0.0.1:2", "PERDURE_LOCATION": "y"}
    settings = load_settings({"location": "z", "workers": None, "apps": ()}, environ)
    assert settings == Settings(
        data=Path("from-file"), listen="127.0.0.1:2", location="z", apps=("a:b",), drain_seconds=3.0
    )


def test_the_flag_for_the_file_wins(tmp_path):
    file = tmp_path / "perdure.toml"
    file.write_text('location = "x"\n')
    assert load_settings({"config": file}, {"PERDURE_CONFIG": "nowhere.toml"}).location == "x"


def test_apps_can_be_a_text_with_commas():
    assert load_settings({}, {"PERDURE_APPS": "a:b, c:d"}).apps == ("a:b", "c:d")


def test_variables_of_others_are_left_alone():
    environ = {"PERDURE_SERVER": "127.0.0.1:1", "PERDURE_PROJECT": "p", "PERDURE_FAILPOINTS": "", "HOME": "h"}
    assert load_settings({}, environ) == Settings()
    assert failpoint_environment(environ) == {"PERDURE_FAILPOINTS": ""}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("30d", timedelta(days=30)),
        ("1m", timedelta(minutes=1)),
        ("36 h", timedelta(hours=36)),
        ("3653d", timedelta(days=3653)),
        ("0", None),
        ("off", None),
    ],
)
def test_retention_is_a_length_of_time_or_off(written, kept):
    assert load_settings({}, {"PERDURE_RETENTION": written}).retention == kept
    assert load_settings({"retention": written}, {"PERDURE_RETENTION": "90d"}).retention == kept


def test_how_many_may_watch_is_a_count():
    settings = load_settings({"max_watchers": 2_000}, {"PERDURE_MAX_WATCHERS_PER_PRINCIPAL": "500"})
    assert (settings.max_watchers, settings.max_watchers_per_principal) == (2_000, 500)
    for unusable in ("-1", "many", "1.5"):
        with pytest.raises(InvalidSettings, match="max_watchers"):
            load_settings({}, {"PERDURE_MAX_WATCHERS": unusable})


def test_executions_are_kept_for_thirty_days_by_default():
    assert Settings().retention == timedelta(days=30)


@pytest.mark.parametrize(
    ("flags", "environ", "told"),
    [
        ({"datta": "x"}, {}, "command line: there is no setting 'datta'"),
        ({}, {"PERDURE_DATTA": "x"}, "environment: there is no setting 'datta'"),
        ({}, {"PERDURE_DRAIN_SECONDS": "soon"}, "environment: drain_seconds: 'soon' cannot be used"),
        ({"drain_seconds": -1}, {}, "drain_seconds: must be 0 to 3600"),
        ({"drain_seconds": True}, {}, "drain_seconds: True cannot be used"),
        ({"listen": 1}, {}, "listen: 1 cannot be used"),
        ({"apps": [1]}, {}, "apps: "),
        ({"location": "The Moon"}, {}, "location: 'The Moon' is no id"),
        ({"workers": "many"}, {}, "workers: 'many' is none of"),
        ({"retention": "long"}, {}, "command line: retention: 'long' cannot be used"),
        ({"retention": 30}, {}, "retention: 30 cannot be used"),
        ({"retention": "59s"}, {}, "retention: must be 1m to 3653d, or off to keep all for ever"),
        ({"retention": "3654d"}, {}, "retention: must be 1m to 3653d"),
        ({"config": "nowhere.toml"}, {}, "nowhere.toml: No such file"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_source(flags, environ, told):
    with pytest.raises(InvalidSettings) as caught:
        load_settings(flags, environ)
    assert told in str(caught.value)


def test_a_broken_file_is_told_with_its_place(tmp_path):
    file = tmp_path / "perdure.toml"
    file.write_text("data = \n")
    with pytest.raises(InvalidSettings, match="line 1"):
        load_settings({"config": file}, {})
