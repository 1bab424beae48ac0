"""An app is found by MODULE:NAME, and what is missing is said."""

import pytest

from perdure.definition.app import App
from perdure.worker.app_path import AppNotFound, load_app
from perdure.worker.registry import collect_handlers
from tests.worker import apps


def test_an_app_is_found_by_its_path():
    assert load_app("tests.worker.apps:app") is apps.app


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tests.worker.apps", "MODULE:NAME"),
        (":app", "MODULE:NAME"),
        ("tests.worker.nothing:app", "no module tests.worker.nothing"),
        ("tests.worker.apps:nothing", "has no nothing"),
        ("tests.worker.apps:gates", "not an app"),
    ],
)
def test_what_is_missing_is_said(path, message):
    with pytest.raises(AppNotFound, match=message):
        load_app(path)


def test_a_module_that_lacks_another_one_shows_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "needs_another.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        load_app("needs_another:app")


def test_two_tasks_of_one_name_are_refused():
    other = App("other")

    @other.task()
    async def add(a: int) -> int:
        return a

    with pytest.raises(ValueError, match="two tasks with the name add"):
        collect_handlers([apps.app, other])


def test_a_task_that_runs_in_a_process_must_be_found_by_name():
    app = App("local")

    @app.task(executor="process")
    def hidden() -> None:
        return

    with pytest.raises(ValueError, match="found by its name"):
        collect_handlers([app])
