"""The decorators work with and without parentheses."""

from __future__ import annotations

from perdure import App


def test_a_task_and_an_integration_need_no_parentheses() -> None:
    app = App("bare")

    @app.task
    async def double(n: int) -> int:
        return 2 * n

    @app.integration
    def twice(n: int) -> int:
        return double(n)

    assert list(app.tasks) == ["double"]
    assert [task.task for task in twice.definition.tasks] == ["double"]
    assert list(app.integrations) == ["twice"]
