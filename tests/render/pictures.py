"""Integrations to draw."""

from perdure.domain.integration import (
    Edge,
    ErrorCatcher,
    Integration,
    Rollback,
    SuspensionConfig,
    TaskConfig,
    Trigger,
)


def task(task_id, *edges, **fields):
    """Makes a task that is performed by a handler of its own name."""
    made = tuple(Edge(*edge) if isinstance(edge, tuple) else Edge(edge) for edge in edges)
    return TaskConfig(task_id, fields.pop("handler", task_id), edges=made, **fields)


def integration(*tasks, **fields):
    """Makes a revision."""
    return Integration("order", "000001-a4d", 1, {each.task_id: each for each in tasks}, **fields)


ORDER = integration(
    task("validate", "reserve", "charge"),
    task("reserve", ("approve", "params.amount > 1000"), "ship", rollback=Rollback("release")),
    task("charge", "ship", "mail", error_catcher="notify", rollback=Rollback("refund")),
    task("approve", "ship", handler="suspend", built_in=SuspensionConfig()),
    task("ship", "done"),
    task("mail", "done"),
    task("done"),
    task("tell", "log"),
    task("log"),
    triggers={"api/order": Trigger("api/order")},
    error_catchers={"notify": ErrorCatcher("notify", ("tell",))},
    teardown=(task("unlock"), task("close")),
)
"""Every kind of box and arrow."""
