"""Performs traced integrations by the rules alone: the handlers run, and their values travel encoded."""

import asyncio
import inspect

from perdure import TaskError
from perdure.codec.integrations import find_faults, read_integration
from perdure.codec.values import message_from_value, value_from_message
from perdure.definition.arguments import Outputs, bind_inputs
from perdure.domain import commands as cmd
from perdure.domain.decide.inputs import ITEMS_INPUT
from perdure.domain.events import SuspensionKind
from perdure.domain.integration import ForEach, SubIntegration
from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState, Failure, TaskState
from tests.domain.builders import EVALUATOR, Run, plain, values

MAX_BYTES = 1 << 20
STEPS_MAX = 100_000


def is_undone_now(run):
    """Whether an attempt to undo a task is under way."""
    return run.state is TaskState.ROLLBACK_IN_PROCESS and not run.undo.waits


class Performance:
    """One run to its end.

    Attributes:
        order: The ids of the tasks that handlers performed, in order; those of undos with an exclamation mark.

    Args:
        decisions: What people answer, in the order in which they are asked: approved or not, and their text.
        signals: Payloads by the name of the signal.
    """

    def __init__(self, app, integration, decisions=(), signals=None, **inputs):
        self.app = app
        self.order = []
        self._decisions = list(decisions)
        self._signals = dict(signals or {})
        definition = integration.definition
        assert find_faults(definition, EVALUATOR) == []
        self.run = Run(definition=read_integration(definition, "000001-a4d", 1), inputs=inputs)
        for _ in range(STEPS_MAX):
            if self.run.execution_state() in TERMINAL_EXECUTION_STATES:
                return
            self._step()
        raise AssertionError(f"no end: {self.run.states()}")

    @property
    def outputs(self):
        return plain(self.run.execution.outputs)

    @property
    def succeeded(self):
        return self.run.execution_state() is ExecutionState.SUCCEEDED

    def state(self, task_id):
        return self.run.state(task_id)

    def _step(self):
        tasks = self.run.execution.tasks
        ready = [task_id for task_id, run in tasks.items() if run.state is TaskState.IN_PROCESS]
        undoing = [task_id for task_id, run in tasks.items() if is_undone_now(run)]
        if undoing:
            self._undo(undoing[0])
        elif ready:
            self._perform(ready[0])
        elif self.run.execution.suspensions:
            self._answer(next(iter(self.run.execution.suspensions.values())))
        else:
            self.run.pass_time(3600)

    def _answer(self, suspension):
        if suspension.kind is SuspensionKind.CALLBACK and suspension.signal in self._signals:
            payload = values(self._signals.pop(suspension.signal))
            self.run.do(cmd.SendSignal(suspension.signal, payload, "bank"))
        elif suspension.kind is SuspensionKind.APPROVAL and self._decisions:
            approved, text = self._decisions.pop(0)
            self.run.do(cmd.ResolveSuspension(suspension.number, approved, "ann", text))
        else:
            self.run.pass_time(3600)

    def _perform(self, task_id):
        run = self.run.execution.tasks[task_id]
        self.order.append(task_id)
        match run.config.built_in:
            case ForEach() as loop:
                self._perform_items(task_id, run, loop)
            case SubIntegration() as sub:
                child = Performance(self.app, self.app.integrations[sub.integration], **plain(run.inputs))
                self.run.child_ended(task_id, child.run.execution_state(), **child.outputs)
            case _:
                self._report(task_id, lambda: self.perform(run.config.handler, run.inputs))

    def _undo(self, task_id):
        run = self.run.execution.tasks[task_id]
        rollback = run.config.rollback
        assert rollback is not None
        self.order.append(f"!{task_id}")
        self._report(task_id, lambda: self.perform(rollback.handler, run.inputs, run.outputs))

    def _report(self, task_id, perform):
        report = self.run.attempt(task_id)
        try:
            self.run.do(cmd.ReportSuccess(*report, outputs=perform()))
        except TaskError as error:
            failure = Failure(error.code, error.message, retryable=error.retryable)
            self.run.do(cmd.ReportFailure(*report, failure=failure))

    def _perform_items(self, task_id, run, loop):
        fixed = {key: value for key, value in run.inputs.items() if key != ITEMS_INPUT}
        results: list[object] = []
        for item in EVALUATOR.items(run.inputs[ITEMS_INPUT]):
            inputs = {**fixed, loop.item_parameter: item}
            if loop.handler:
                results.append(plain(self.perform(loop.handler, inputs)))
            else:
                child = Performance(self.app, self.app.integrations[loop.target.integration], **plain(inputs))
                results.append(child.outputs)
        self.run.items_ended(task_id, results)

    def perform(self, handler, inputs, undone=None):
        task = self.app.tasks[handler]
        given = inputs
        if undone is not None:
            known = {**undone, **inputs}
            given = {name: known[name] for name in task.signature.arguments if name in known}
        keywords = bind_inputs(task.signature, {key: message_from_value(value) for key, value in given.items()})
        if task.signature.context:
            keywords[task.signature.context] = None
        result = task.handler(**keywords)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        outputs = Outputs(task.signature.returns).of(result)
        return {name: value_from_message(message, MAX_BYTES) for name, message in outputs.items()}
