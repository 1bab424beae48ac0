"""Rows 59 to 61: executions wait for people, for time and for signals."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from perdure import App, suspend, timer, wait_for_signal
from perdure.client.errors import PermissionDenied
from perdure.domain.commands import SendSignal
from perdure.domain.decide.resolving import _decide
from perdure.domain.decide.suspending import open_approval, open_callback
from perdure.testing.server import local_server
from perdure.v1.suspension_pb2 import Suspension
from tests.features.feature import feature
from tests.features.observing import SOON_SECONDS, ended, state, until, until_asked, until_event

app = App("suspensions")


@dataclass
class Payment:
    amount: int


@app.task
def describe(approved: bool, result: str, resolver: str) -> str:
    return f"{resolver} said {'yes' if approved else 'no'}: {result}"


@app.task
def how_it_ended(approved: bool, expired: bool) -> str:
    return f"approved: {approved}, expired: {expired}"


@app.integration
def sell() -> str:
    decision = suspend("Sell it?", by=["ann", "bob"])
    return describe(decision.approved, decision.result, decision.resolver)


@app.integration
def unanswered() -> str:
    decision = suspend("Is anybody there?", expire_after="60ms", remind_after="20ms")
    return how_it_ended(decision.approved, decision.expired)


@app.integration
def tacit() -> str:
    decision = suspend("Any objection?", expire_after="20ms", lift_when_expired=True)
    return how_it_ended(decision.approved, decision.expired)


@app.integration
def nap() -> None:
    timer("50ms")


@app.integration
def sleep_long() -> None:
    timer("31d")


@app.integration
def sleep_until(instant: str) -> None:
    timer(until=instant)


@app.integration
def paid() -> int:
    return wait_for_signal("paid", Payment).amount


@app.integration
def paid_twice() -> int:
    wait_for_signal("paid", Payment, id="first")
    return wait_for_signal("paid", Payment, id="second").amount


@app.integration
def impatient() -> int:
    return wait_for_signal("paid", Payment, timeout="20ms").amount


def with_config(patch, **said):
    """Has every suspension opened with another configuration than its task says."""
    patch.setattr(
        "perdure.domain.decide.running.open_approval",
        lambda transition, task, config, *rest: open_approval(transition, task, replace(config, **said), *rest),
    )


def without_results(patch):
    patch.setattr(
        "perdure.domain.decide.resolving._decide",
        lambda transition, suspension, lifted, resolver, *_, **expired: _decide(
            transition, suspension, lifted, resolver, **expired
        ),
    )


@feature(59, without=without_results)
async def test_a_decision_with_its_result_is_told_to_the_graph_and_kept():
    async with local_server(app) as server:
        execution = (await server.client.start("sell")).name
        number = await until_asked(server.client, execution)
        await server.client.suspensions.reject(execution, number, "too cheap", resolver="bob")
        shown = await ended(server.client, execution)
        assert shown.response_parameters["result"].string_value == "bob said no: too cheap"
        kept = await server.client.suspensions.get(execution, number)
        assert (kept.state, kept.audit.resolver) == (Suspension.RESOLUTION_STATE_REJECTED, "bob")
        assert kept.audit.HasField("resolve_time")


def without_approvers(patch):
    with_config(patch, who_may_resolve=())


@feature(59, without=without_approvers)
async def test_only_those_who_are_named_may_decide():
    async with local_server(app) as server:
        execution = (await server.client.start("sell")).name
        number = await until_asked(server.client, execution)
        assert [each async for each in server.client.suspensions.list(resolver="cid")] == []
        with pytest.raises(PermissionDenied):
            await server.client.suspensions.lift(execution, number, resolver="cid")
        await server.client.suspensions.lift(execution, number, resolver="ann")
        assert state(await ended(server.client, execution)) == "SUCCEEDED"


def without_reminders(patch):
    with_config(patch, remind_after=0)


@feature(59, without=without_reminders)
async def test_a_suspension_reminds():
    async with local_server(app) as server:
        execution = (await server.client.start("unanswered")).name
        await until_event(server.client, execution, lambda event: event.suspension_change.reminder)
        assert (await server.client.suspensions.get(execution, 1)).HasField("last_reminder_time")


def without_expiry(patch):
    with_config(patch, expire_after=0)


@feature(59, without=without_expiry)
async def test_a_suspension_is_rejected_when_it_expires():
    async with local_server(app) as server:
        execution = (await server.client.start("unanswered")).name
        number = await until_asked(server.client, execution)
        assert (await server.client.suspensions.get(execution, number)).HasField("expire_time")
        shown = await ended(server.client, execution)
        assert shown.response_parameters["result"].string_value == "approved: False, expired: True"


def without_tacit_consent(patch):
    with_config(patch, lift_when_expired=False)


@feature(59, without=without_tacit_consent)
async def test_a_suspension_can_be_lifted_when_it_expires():
    async with local_server(app) as server:
        result = await server.client.execute("tacit", timeout=SOON_SECONDS)
        assert result.outputs == {"result": "approved: True, expired: True"}


def without_timers(patch):
    patch.setattr("perdure.domain.decide.running.begin_timer", lambda *_: True)


@feature(60, without=without_timers)
async def test_a_timer_waits_for_a_length_of_time():
    async with local_server(app) as server:
        shown = await ended(server.client, (await server.client.start("nap")).name)
        assert shown.duration.ToMilliseconds() >= 50


@feature(60, without=without_timers)
async def test_a_timer_waits_for_up_to_31_days():
    async with local_server(app) as server:
        execution = (await server.client.start("sleep_long")).name
        asleep = await until(server.client, execution, "timer", "SUSPENDED")
        length = asleep.task_change.retry_time.ToDatetime() - asleep.event_time.ToDatetime()
        assert length == timedelta(days=31)


@feature(60, without=without_timers)
async def test_a_timer_waits_until_an_instant():
    async with local_server(app) as server:
        instant = datetime.now(UTC) + timedelta(milliseconds=100)
        shown = await ended(
            server.client, (await server.client.start("sleep_until", {"instant": instant.isoformat()})).name
        )
        assert shown.end_time.ToDatetime(UTC) >= instant


def without_signals(patch):
    patch.setattr("perdure.domain.decide.resolving.take_signal", lambda *_: None)


@feature(61, without=without_signals)
async def test_an_execution_awaits_a_signal_and_takes_its_payload():
    async with local_server(app) as server:
        execution = (await server.client.start("paid")).name
        await until_asked(server.client, execution)
        assert (await server.client.signal(execution, "paid", {"amount": 7})).task_number == "paid"
        shown = await ended(server.client, execution)
        assert shown.response_parameters["result"].int_value == 7


def without_ids(patch):
    patch.setattr(
        "perdure.service.suspension_service.SendSignal",
        lambda signal, payload, principal, _: SendSignal(signal, payload, principal, ""),
    )


@feature(61, without=without_ids)
async def test_a_signal_is_taken_once_however_often_it_is_sent():
    async with local_server(app) as server:
        execution = (await server.client.start("paid_twice")).name
        await until_asked(server.client, execution)
        sent = [await server.client.signal(execution, "paid", {"amount": 7}, signal_id="payment-1") for _ in range(2)]
        assert [each.duplicate for each in sent] == [False, True]
        assert state(await server.client.get(execution)) == "SUSPENDED"


def without_timeouts(patch):
    patch.setattr(
        "perdure.domain.decide.running.open_callback",
        lambda transition, task, config: open_callback(transition, task, replace(config, timeout=0)),
    )


@feature(61, without=without_timeouts)
async def test_a_callback_fails_when_its_signal_does_not_come():
    async with local_server(app) as server:
        execution = (await server.client.start("impatient")).name
        number = await until_asked(server.client, execution)
        assert (await server.client.suspensions.get(execution, number)).HasField("expire_time")
        shown = await ended(server.client, execution)
        assert (state(shown), shown.error.code) == ("FAILED", "TIMEOUT")


def without_rows(patch):
    patch.setattr("perdure.engine.live._record_suspensions", lambda *_: None)


@feature(61, without=without_rows)
async def test_callbacks_that_wait_are_listed():
    async with local_server(app) as server:
        execution = (await server.client.start("paid")).name
        await until_asked(server.client, execution)
        waiting = server.client.suspensions.list(filter="kind = CALLBACK AND state = PENDING")
        assert [(each.execution, each.signal) async for each in waiting] == [(execution, "paid")]
