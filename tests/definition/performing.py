"""Performs traced integrations by the rules alone: the handlers run, and their values travel encoded."""

import asyncio
import inspect

from perdure.codec.integrations import find_faults, read_integration
from perdure.codec.values import message_from_value, value_from_message
from perdure.definition.arguments import Outputs, bind_inputs
from perdure.domain import commands as cmd
from perdure.domain.decide.running import ITEMS_INPUT
from perdure.domain.integration import ForEach, SubIntegration
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import EVALUATOR, Run, plain

MAX_BYTES = 1 << 20


class Performance:
    """One run to its end.

    Attributes:
        order: The ids of the tasks that handlers performed, in order.
    """

    def __init__(self, app, integration, **inputs):
        self.app = app
        self.order = []
        definition = integration.definition
        assert find_faults(definition, EVALUATOR) == []
        self.run = Run(definition=read_integration(definition, "000001-a4d", 1), inputs=inputs)
        while self.run.execution_state() in {ExecutionState.PROCESSING, ExecutionState.SUSPENDED}:
            self._step()

    @property
    def outputs(self):
        return plain(self.run.execution.outputs)

    @property
    def succeeded(self):
        return self.run.execution_state() is ExecutionState.SUCCEEDED

    def _step(self):
        tasks = self.run.execution.tasks
        ready = [task_id for task_id, run in tasks.items() if run.state is TaskState.IN_PROCESS]
        if not ready:
            self.run.pass_time(3600)
            return
        task_id = ready[0]
        run = tasks[task_id]
        self.order.append(task_id)
        report = self.run.attempt(task_id)
        match run.config.built_in:
            case ForEach() as loop:
                self._perform_items(task_id, run, loop)
            case SubIntegration() as sub:
                child = Performance(self.app, self.app.integrations[sub.integration], **plain(run.inputs))
                self.run.child_ended(task_id, child.run.execution_state(), **child.outputs)
            case _:
                outputs = self.perform(run.config.handler, run.inputs)
                self.run.do(cmd.ReportSuccess(*report, outputs=outputs))

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

    def perform(self, handler, inputs):
        task = self.app.tasks[handler]
        keywords = bind_inputs(task.signature, {key: message_from_value(value) for key, value in inputs.items()})
        if task.signature.context:
            keywords[task.signature.context] = None
        result = task.handler(**keywords)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        outputs = Outputs(task.signature.returns).of(result)
        return {name: value_from_message(message, MAX_BYTES) for name, message in outputs.items()}
