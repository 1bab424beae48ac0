"""Takes what workers say about their attempts to the engine, and tells them what became of it.

A result is acknowledged once it is durable, and results that become durable together are acknowledged in
one message. A result that the store refused stays unacknowledged: the session ends, and the worker sends the
result again in the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.dispatch.attempt import AttemptKey, LiveAttempt
from perdure.dispatch.outcomes import read_failure, read_outputs
from perdure.domain.errors import Unavailable
from perdure.domain.limits import TEXT_MAX_CHARACTERS
from perdure.domain.states import Failure
from perdure.v1.error_reason_pb2 import ErrorReason
from perdure.v1.worker_service_pb2 import RejectedResult

if TYPE_CHECKING:
    from perdure.dispatch.leases import Leases
    from perdure.dispatch.reports import Reports
    from perdure.dispatch.worker_record import WorkerRecord
    from perdure.runtime.supervisor import Supervisor
    from perdure.v1.worker_service_pb2 import ProgressReport, TaskResult


class ResultReporter:
    """Between the messages of the workers and the engine."""

    def __init__(self, leases: Leases, reports: Reports, supervisor: Supervisor) -> None:
        self._leases = leases
        self._reports = reports
        self._supervisor = supervisor

    def acknowledge(self, worker: WorkerRecord, lease: str) -> None:
        """Take note that an assignment has arrived."""
        found = self._leases.find(worker, lease)
        if isinstance(found, LiveAttempt):
            found.acknowledge_by = None

    def progressed(self, worker: WorkerRecord, report: ProgressReport) -> None:
        """Pass on how far an attempt is; whether it can be kept does not matter to the worker."""
        found = self._leases.find(worker, report.lease)
        if isinstance(found, LiveAttempt):
            found.acknowledge_by = None
            self._supervisor.spawn(self._report_progress(found.name, report), "report progress")

    def ended(self, worker: WorkerRecord, result: TaskResult) -> None:
        """Pass on how an attempt ended. Results of one message reach the engine before any is waited for."""
        found = self._leases.find(worker, result.lease)
        if found is None:
            self._tell(worker, result.result_number, accepted=False)
            return
        if isinstance(found, LiveAttempt):
            found.acknowledge_by = None
        self._supervisor.spawn(self._report_result(worker, found, result), "report a result")

    async def _report_progress(self, name: AttemptKey, report: ProgressReport) -> None:
        message = report.message[:TEXT_MAX_CHARACTERS] if report.HasField("message") else None
        percent = min(max(report.percent, 0), 100) if report.HasField("percent") else None
        try:
            await self._reports.progressed(*name, message=message, percent=percent)
        except Unavailable:
            return

    async def _report_result(self, worker: WorkerRecord, found: LiveAttempt | AttemptKey, result: TaskResult) -> None:
        name = found.name if isinstance(found, LiveAttempt) else found
        try:
            accepted = await self._report(name, result, worker.worker_id)
        except Unavailable as error:
            if worker.session is not None:
                worker.session.go_away(error.retry_after)
            return
        self._tell(worker, result.result_number, accepted=accepted)
        if isinstance(found, LiveAttempt):
            self._leases.settle(found)

    async def _report(self, name: AttemptKey, result: TaskResult, worker_id: str) -> bool:
        match result.WhichOneof("outcome"):
            case "succeeded":
                outputs = read_outputs(result.succeeded)
                if isinstance(outputs, Failure):
                    return await self._reports.failed(*name, failure=outputs, worker=worker_id)
                return await self._reports.succeeded(*name, outputs=outputs, worker=worker_id)
            case "failed":
                return await self._reports.failed(*name, failure=read_failure(result.failed), worker=worker_id)
            case "cancelled":
                return await self._reports.stopped(*name)
            case _:
                failure = Failure("HANDLER_ERROR", "the worker reported an outcome that this server does not know")
                return await self._reports.failed(*name, failure=failure, worker=worker_id)

    @staticmethod
    def _tell(worker: WorkerRecord, result_number: int, *, accepted: bool) -> None:
        """Answer in the session that the worker has now; without one, it sends the result again and learns it then."""
        if worker.session is None:
            return
        if accepted:
            worker.session.outbox.acknowledge(result_number)
        else:
            worker.session.outbox.reject(RejectedResult(result_number=result_number, reason=ErrorReason.LEASE_LOST))
