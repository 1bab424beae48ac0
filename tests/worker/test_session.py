"""The worker's side of the protocol, message by message."""

from typing import Any

import pytest

from perdure.v1 import worker_service_pb2 as pb
from perdure.v1.error_reason_pb2 import ErrorReason
from perdure.v1.value_pb2 import ValueType
from perdure.worker.registry import collect_handlers
from perdure.worker.session import Identity, WorkerSession
from tests.worker import apps


class Executed:
    """Performs nothing: remembers what was asked of it."""

    def __init__(self):
        self.started = []
        self.cancelled = []

    def start(self, run):
        self.started.append(run)

    def cancel(self, run):
        self.cancelled.append(run)

    def post(self, callback, *arguments):
        callback(*arguments)


class Script:
    """A session whose other side the test writes."""

    def __init__(self, concurrency=4):
        handlers = {name: handler for name, handler in collect_handlers([apps.app]).items() if name == "add"}
        self.timers: list[Any] = []
        self.executed = Executed()
        self.session = WorkerSession(
            Identity("projects/default/locations/local", "w1", "i1"),
            handlers,
            {"add": concurrency},
            lambda: None,
            lambda _seconds, call: self.timers.append(call),
        )
        self.session.executing = self.executed

    def connect(self, keep=(), drop=()):
        """Greet and welcome; returns the hello and what was said after the welcome."""
        hello = self.session.hello().hello
        assert self.said() == {}
        self.hear(welcome=pb.WorkResponse.Welcome(keep=keep, drop=drop))
        return hello, self.said()

    def hear(self, **message):
        self.session.receive(pb.WorkResponse(**message))

    def assign(self, *tasks, attempt=1, handler="add"):
        assignments = [
            pb.Assignment(
                lease=f"lease-{task}", execution="e1", task_number=task.split("#")[0], handler=handler, attempt=attempt
            )
            for task in tasks
        ]
        self.hear(assignments=pb.WorkResponse.Assignments(assignments=assignments))

    def said(self):
        """Return what the session has to say, by kind, at most one message of each."""
        said = {}
        for request in self.session.take():
            kind = request.WhichOneof("message")
            assert kind is not None
            assert kind not in said
            said[kind] = getattr(request, kind)
        return said

    def finish(self, run):
        self.session.finished(run, pb.TaskResult(succeeded=pb.TaskResult.Succeeded()))

    def pass_time(self):
        timers, self.timers = self.timers, []
        for call in timers:
            call()


@pytest.fixture
def script():
    return Script()


def numbers(said):
    return [result.result_number for result in said["results"].results]


def test_nothing_is_said_before_the_welcome_and_then_all_credits(script):
    hello, said = script.connect()
    assert (hello.worker_id, hello.incarnation, hello.protocol_version) == ("w1", "i1", 1)
    assert [handler.name for handler in hello.handlers] == ["add"]
    assert [(credit.handler, credit.count) for credit in said["credits"].credits] == [("add", 4)]
    assert script.said() == {}


def test_a_quick_task_costs_one_message(script):
    script.connect()
    script.assign("a")
    script.finish(script.executed.started[0])
    said = script.said()
    assert list(said) == ["results"]
    assert said["results"].results[0].lease == "lease-a"
    script.pass_time()
    assert script.said() == {}


def test_a_longer_task_is_acknowledged(script):
    script.connect()
    script.assign("a", "b")
    assert script.said() == {}
    script.pass_time()
    assert list(script.said()["delivery_acks"].leases) == ["lease-a", "lease-b"]


def test_credits_go_back_when_half_of_them_are_used(script):
    script.connect()
    script.assign("a", "b", "c")
    script.finish(script.executed.started[0])
    assert [credit.count for credit in script.said()["credits"].credits] == [1]
    script.finish(script.executed.started[1])
    assert "credits" not in script.said()
    script.finish(script.executed.started[2])
    assert [credit.count for credit in script.said()["credits"].credits] == [2]


def test_a_result_is_sent_again_after_a_reconnect_until_it_is_acknowledged(script):
    script.connect()
    script.assign("a", "b")
    for run in script.executed.started:
        script.finish(run)
    assert numbers(script.said()) == [1, 2]
    script.session.disconnected()
    hello, said = script.connect(keep=["lease-a", "lease-b"])
    assert list(hello.held_leases) == ["lease-a", "lease-b"]
    assert numbers(said) == [1, 2]
    script.hear(result_acks=pb.WorkResponse.ResultAcks(result_numbers=[1]))
    script.session.disconnected()
    hello, said = script.connect(keep=["lease-b"])
    assert list(hello.held_leases) == ["lease-b"]
    assert numbers(said) == [2]
    refused = pb.RejectedResult(result_number=2, reason=ErrorReason.LEASE_LOST)
    script.hear(result_acks=pb.WorkResponse.ResultAcks(rejected_results=[refused]))
    assert script.session.idle


def test_a_result_made_while_disconnected_goes_out_with_the_next_connection(script):
    script.connect()
    script.assign("a")
    script.session.disconnected()
    script.finish(script.executed.started[0])
    assert script.said() == {}
    _, said = script.connect(keep=["lease-a"])
    assert numbers(said) == [1]


def test_credits_after_a_reconnect_leave_room_for_what_still_runs(script):
    script.connect()
    script.assign("a")
    script.session.disconnected()
    _, said = script.connect(keep=["lease-a"])
    assert [credit.count for credit in said["credits"].credits] == [3]


def test_a_dropped_attempt_is_cancelled_and_its_result_forgotten(script):
    script.connect()
    script.assign("a", "b")
    running, ended = script.executed.started
    script.finish(ended)
    script.session.disconnected()
    _, said = script.connect(drop=["lease-a", "lease-b"])
    assert script.executed.cancelled == [running]
    assert "results" not in said
    script.finish(running)
    assert script.said() == {}
    assert script.session.idle


def test_an_attempt_that_is_granted_anew_goes_on_under_the_new_lease(script):
    script.connect()
    script.assign("a")
    script.assign("a#2")
    assert len(script.executed.started) == 1
    script.finish(script.executed.started[0])
    assert [result.lease for result in script.said()["results"].results] == ["lease-a#2"]


def test_the_next_attempt_of_a_task_is_another_one(script):
    script.connect()
    script.assign("a")
    script.assign("a#2", attempt=2)
    assert len(script.executed.started) == 2


def test_a_cancel_reaches_the_attempt(script):
    script.connect()
    script.assign("a")
    script.hear(cancels=pb.WorkResponse.Cancels(cancels=[pb.TaskCancel(lease="lease-a"), pb.TaskCancel(lease="x")]))
    assert script.executed.cancelled == script.executed.started


def test_a_ping_is_answered(script):
    script.connect()
    script.hear(ping=pb.WorkResponse.Ping())
    assert list(script.said()) == ["pong"]


def test_an_unknown_kind_of_message_is_ignored(script):
    script.connect()
    script.session.receive(pb.WorkResponse.FromString(b"\xfa\x01\x03abc"))
    assert script.said() == {}


def test_a_task_without_handler_fails_for_good(script):
    script.connect()
    script.assign("a", handler="unheard-of")
    failed = script.said()["results"].results[0].failed
    assert (failed.error.code, failed.retryable) == ("NO_SUCH_HANDLER", False)


def test_draining_takes_credits_back_and_says_so_again_after_a_reconnect(script):
    script.connect()
    script.assign("a")
    script.session.drain()
    assert list(script.said()) == ["drain"]
    script.session.disconnected()
    _, said = script.connect(keep=["lease-a"])
    assert list(said) == ["drain"]
    script.finish(script.executed.started[0])
    assert list(script.said()) == ["results"]
    assert not script.session.idle


def test_the_newest_progress_wins(script):
    script.connect()
    script.assign("a")
    run = script.executed.started[0]
    run.context.progress(10)
    run.context.message("half")
    run.context.progress(99.9)
    assert script.said() == {}
    script.pass_time()
    (report,) = script.said()["progress_reports"].progress_reports
    assert (report.percent, report.message) == (99, "half")


@pytest.mark.parametrize(
    ("percent", "text", "told"),
    [(0, "", (0, "")), (1 / 3 * 100, "a\udc80b", (33, "a?b")), (100.00000000000001, "x" * 501, (100, "x" * 500))],
)
def test_progress_is_rounded_down_and_messages_are_made_fit_to_travel(script, percent, text, told):
    script.connect()
    script.assign("a")
    run = script.executed.started[0]
    run.context.progress(percent)
    run.context.message(text)
    script.pass_time()
    (report,) = script.said()["progress_reports"].progress_reports
    assert (report.percent, report.message) == told


def test_progress_that_one_message_cannot_hold_travels_in_several():
    script = Script(concurrency=2_000)
    script.connect()
    script.assign(*(f"t{number}" for number in range(2_000)))
    for run in script.executed.started:
        run.context.message("\N{GRINNING FACE}" * 1_000)
    script.pass_time()
    reports = [request.progress_reports for request in script.session.take() if request.HasField("progress_reports")]
    assert [each.ByteSize() < 4 << 20 for each in reports] == [True, True]
    lengths = [len(report.message) for each in reports for report in each.progress_reports]
    assert lengths == [500] * 2_000


def test_an_attempt_whose_end_cannot_be_told_is_given_back():
    script = Script()
    script.connect()
    script.assign("a")
    script.session.finished(script.executed.started[0], None)
    said = script.said()
    assert [release.lease for release in said["releases"].releases] == ["lease-a"]
    assert "results" not in said
    assert script.session.idle


def test_the_server_says_when_to_come_back(script):
    script.connect()
    go_away = pb.WorkResponse.GoAway()
    go_away.reconnect_after.FromMilliseconds(1_500)
    script.hear(go_away=go_away)
    assert script.session.reconnect_after == 1.5
    script.connect()
    assert script.session.reconnect_after is None


def test_results_that_one_message_cannot_hold_travel_in_several(script):
    script.connect()
    script.assign("a", "b", "c", "d")
    outputs = {"result": ValueType(string_value="x" * 1_000_000)}
    for run in script.executed.started:
        script.session.finished(run, pb.TaskResult(succeeded=pb.TaskResult.Succeeded(outputs=outputs)))
    messages = [request.results.results for request in script.session.take() if request.HasField("results")]
    assert [[result.result_number for result in results] for results in messages] == [[1, 2, 3], [4]]
