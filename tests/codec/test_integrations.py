"""Definitions: every fault with its path, and from the contract to the rules."""

import time

import pytest
from google.protobuf import text_format

from perdure.codec.integrations import canonical_bytes, find_faults, read_integration, revision_id
from perdure.codec.integrations.content import NOT_CONTENT
from perdure.codec.values import encode_python
from perdure.domain import integration as rules
from perdure.domain.value import ValueKind
from perdure.expression.cel import CelEvaluator
from perdure.v1.integration_pb2 import Integration

EVALUATOR = CelEvaluator()

WHOLE = """
name: "projects/p/locations/local/integrations/order"
parameters { key: "sku" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
parameters {
  key: "count" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT
  default_value { int_value: 1 }
}
parameters { key: "receipt" data_type: DATA_TYPE_JSON_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
parameters { key: "between" data_type: DATA_TYPE_STRING_VALUE }
triggers { trigger_id: "api_trigger/order" start_tasks { task_id: "wait" } }
triggers { trigger_id: "api_trigger/all" }
max_runtime { seconds: 60 nanos: 500000 }
default_priority: 7
labels { key: "team" value: "shop" }
tasks {
  task_id: "wait" timer { delay { seconds: 5 } }
  next_tasks { task_id: "reserve" condition: "params.count > 0" }
  next_tasks { task_id: "loop" }
  next_tasks_execution_policy: NEXT_TASKS_EXECUTION_POLICY_RUN_FIRST_MATCH
}
tasks {
  task_id: "reserve" task: "reserve"
  parameters { key: "sku" value { expression: "params.sku" } }
  parameters { key: "many" value { constant { boolean_value: true } } }
  outputs { result: "total" parameter: "scratch" }
  next_tasks { task_id: "end" condition: "tasks.reserve.outputs.total > 3 && params.scratch == 4" }
  failure_policy {
    retry_strategy: RETRY_STRATEGY_EXPONENTIAL_BACKOFF
    max_retries: 3 interval { seconds: 1 } max_interval { seconds: 9 }
  }
  synchronous_call_failure_policy { retry_strategy: RETRY_STRATEGY_FATAL }
  conditional_failure_policies {
    failure_policies { retry_strategy: RETRY_STRATEGY_IGNORE condition: "error.code == 'GONE'" }
    default_failure_policy { retry_strategy: RETRY_STRATEGY_FATAL }
  }
  timeout { nanos: 250000000 }
  checkpoint: false
}
tasks {
  task_id: "loop" task: "for-each"
  parameters { key: "sku" value { expression: "params.sku" } }
  for_each { items: "[1, 2]" item_parameter: "item" index_parameter: "index" task: "pack" parallelism: 3 }
  outputs { result: "results" parameter: "receipt" }
  next_tasks { task_id: "end" }
}
tasks {
  task_id: "end" task_execution_strategy: TASK_EXECUTION_STRATEGY_WHEN_ANY_SUCCEED
  assign {
    assignments { parameter: "count" expression: "params.count + 1" }
    assignments { parameter: "receipt" expression: "params.count" }
  }
  next_tasks { task_id: "tell" }
}
tasks {
  task_id: "tell" sub_integration { integration_id: "notify" trigger_id: "api_trigger/n" wait: false }
}
"""

TASK = 'tasks { task_id: "a" task: "h" %s }'
POLICY = TASK % "failure_policy { retry_strategy: RETRY_STRATEGY_%s }"
LOOP = 'tasks { task_id: "a" %s for_each { items: "[1]" item_parameter: "i" %s } }'

WRONG = {
    # the definition as a whole
    "no tasks": ("", "tasks", "at least one"),
    "negative run time": (TASK % "" + "max_runtime { seconds: -1 }", "max_runtime", "negative"),
    "run time that overflows": (TASK % "" + "max_runtime { seconds: 315576000000 }", "max_runtime", "longer than"),
    "signs that differ": (TASK % "" + "max_runtime { seconds: 1 nanos: -1 }", "max_runtime", "no length of time"),
    "too many nanoseconds": (TASK % "" + "max_runtime { nanos: 1000000000 }", "max_runtime", "no length of time"),
    "priority": (TASK % "" + "default_priority: 1000", "default_priority", "0 to 999"),
    "label of no name": (TASK % "" + 'labels { key: "" value: "x" }', 'labels[""]', "1 to 63"),
    "long label": (TASK % "" + f'labels {{ key: "k" value: "{"x" * 64}" }}', 'labels["k"]', "at most 63"),
    "long text": (TASK % "" + f'description: "{"x" * 501}"', "description", "the limit is 500"),
    # retention
    "kept under a minute": (
        TASK % "" + "retention { max_age { seconds: 59 nanos: 999999999 } }",
        "retention.max_age",
        "at least 60 s",
    ),
    "kept for no time": (TASK % "" + "retention { max_age { } }", "retention.max_age", "at least 60 s"),
    "kept beyond ten years": (
        TASK % "" + "retention { max_age { seconds: 315619201 } }",
        "retention.max_age",
        "longer than",
    ),
    "kept a negative time": (TASK % "" + "retention { max_age { seconds: -60 } }", "retention.max_age", "negative"),
    "fewer than none kept": (TASK % "" + "retention { max_count: -1 }", "retention.max_count", "1 to 10000000"),
    "too many kept": (TASK % "" + "retention { max_count: 10000001 }", "retention.max_count", "1 to 10000000"),
    # ids
    "id of a path": ('tasks { task_id: "../etc" task: "h" }', "tasks[0].task_id", "not allowed"),
    "id that looks like another": ('tasks { task_id: "\\320\\260" task: "h" }', "tasks[0].task_id", "not allowed"),
    "no id": ('tasks { task: "h" }', "tasks[0].task_id", "is required"),
    "task id twice": (TASK % "" + TASK % "", "tasks[1].task_id", "tasks[0] already"),
    "trigger id": (TASK % "" + 'triggers { trigger_id: "a b" }', "triggers[0].trigger_id", "not allowed"),
    "trigger id twice": (
        TASK % "" + 'triggers { trigger_id: "t" } triggers { trigger_id: "t" }',
        "triggers[1].trigger_id",
        "triggers[0] already",
    ),
    "parameter key": (
        TASK % "" + 'parameters { key: "a-b" data_type: DATA_TYPE_INT_VALUE }',
        "parameters[0].key",
        "not allowed",
    ),
    "parameter key twice": (
        TASK % "" + 'parameters { key: "p" data_type: DATA_TYPE_INT_VALUE } ' * 2,
        "parameters[1].key",
        "parameters[0] already",
    ),
    # parameters
    "output that no task sets": (
        TASK % 'outputs { result: "r" parameter: "totla" }'
        + 'parameters { key: "total" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }',
        "parameters[0]",
        'no task sets this output; what tasks set: "totla"',
    ),
    "no data type": (TASK % "" + 'parameters { key: "p" }', "parameters[0].data_type", "is required"),
    "default of another type": (
        TASK % "" + 'parameters { key: "p" data_type: DATA_TYPE_INT_VALUE default_value { string_value: "1" } }',
        "parameters[0].default_value",
        "expected INT_VALUE, got STRING_VALUE",
    ),
    "default without a kind": (
        TASK % "" + 'parameters { key: "p" data_type: DATA_TYPE_INT_VALUE default_value { } }',
        "parameters[0].default_value",
        "no kind",
    ),
    "default of broken JSON": (
        TASK % ""
        + 'parameters { key: "p" data_type: DATA_TYPE_JSON_VALUE default_value { json_value: "{\\"a\\":NaN}" } }',
        "parameters[0].default_value",
        "NaN",
    ),
    "searchable JSON": (
        TASK % "" + 'parameters { key: "p" data_type: DATA_TYPE_JSON_VALUE searchable: true }',
        "parameters[0].searchable",
        "JSON_VALUE cannot be: only texts, numbers and booleans",
    ),
    "searchable list": (
        TASK % "" + 'parameters { key: "p" data_type: DATA_TYPE_STRING_ARRAY searchable: true }',
        "parameters[0].searchable",
        "STRING_ARRAY cannot be",
    ),
    "searchable of no kind": (TASK % "" + 'parameters { key: "p" searchable: true }', "parameters[0].data_type", "is"),
    "too many searchable": (
        TASK % ""
        + "".join(
            f'parameters {{ key: "p{number}" data_type: DATA_TYPE_INT_VALUE searchable: true }}' for number in range(17)
        ),
        "parameters",
        "17 of them are searchable, the limit is 16",
    ),
    # handlers and built-ins
    "no handler": ('tasks { task_id: "a" }', "tasks[0].task", "is required"),
    "built-in without config": ('tasks { task_id: "a" task: "for-each" }', "tasks[0].for_each", "needs its config"),
    "handler beside a built-in": (TASK % "timer { delay { } }", "tasks[0].task", 'it is "timer"'),
    "timer without an end": ('tasks { task_id: "a" timer { } }', "tasks[0].timer", "either delay"),
    "negative timer": ('tasks { task_id: "a" timer { delay { seconds: -5 } } }', "tasks[0].timer.delay", "negative"),
    "nothing assigned": ('tasks { task_id: "a" assign { } }', "tasks[0].assign.assignments", "at least one"),
    "assignment of nothing": (
        'tasks { task_id: "a" assign { assignments { parameter: "p" } } }',
        "tasks[0].assign.assignments[0].expression",
        "is required",
    ),
    "integration id": (
        'tasks { task_id: "a" sub_integration { integration_id: "Upper" } }',
        "tasks[0].sub_integration.integration_id",
        "not allowed",
    ),
    "revision id": (
        'tasks { task_id: "a" sub_integration { integration_id: "x" revision_id: "7" } }',
        "tasks[0].sub_integration.revision_id",
        "000001-a4d",
    ),
    "loop without a target": (
        'tasks { task_id: "a" for_each { items: "[1]" item_parameter: "i" } }',
        "tasks[0].for_each",
        "either task or sub_integration",
    ),
    "loop over a built-in": (LOOP % ("", 'task: "timer"'), "tasks[0].for_each.task", "built-in"),
    "loop without items": (
        'tasks { task_id: "a" for_each { item_parameter: "i" task: "h" } }',
        "tasks[0].for_each.items",
        "is required",
    ),
    "loop that does not wait": (
        LOOP % ("", 'sub_integration { integration_id: "x" wait: false }'),
        "tasks[0].for_each.sub_integration.wait",
        "must not be false",
    ),
    "no parallelism": (LOOP % ("", 'task: "h" parallelism: 0'), "tasks[0].for_each.parallelism", "1 to 1000"),
    "too much parallelism": (
        LOOP % ("", 'task: "h" parallelism: 1000000'),
        "tasks[0].for_each.parallelism",
        "1 to 1000",
    ),
    "item named as its index": (
        LOOP % ("", 'task: "h" index_parameter: "i"'),
        "tasks[0].for_each.index_parameter",
        "another",
    ),
    "item named as an input": (
        LOOP % ('parameters { key: "i" value { expression: "1" } }', 'task: "h"'),
        "tasks[0].for_each.item_parameter",
        "another input",
    ),
    "input named as the list": (
        LOOP % ('parameters { key: "items" value { expression: "1" } }', 'task: "h"'),
        'tasks[0].parameters["items"]',
        "the list itself",
    ),
    # policies and timeouts
    "negative timeout": (TASK % "timeout { nanos: -1 }", "tasks[0].timeout", "negative"),
    "retries missing": (
        POLICY % "FIXED_INTERVAL interval { seconds: 1 }",
        "tasks[0].failure_policy.max_retries",
        "required",
    ),
    "negative retries": (POLICY % "NONE max_retries: -1", "tasks[0].failure_policy.max_retries", "0 to 1000"),
    "too many retries": (
        POLICY % "LINEAR_BACKOFF max_retries: 2147483647 interval { seconds: 1 }",
        "tasks[0].failure_policy.max_retries",
        "0 to 1000",
    ),
    "interval missing": (POLICY % "EXPONENTIAL_BACKOFF max_retries: 1", "tasks[0].failure_policy.interval", "required"),
    "interval of zero": (
        POLICY % "EXPONENTIAL_BACKOFF max_retries: 1 interval { }",
        "tasks[0].failure_policy.interval",
        "longer than zero",
    ),
    "interval of years": (
        POLICY % "EXPONENTIAL_BACKOFF max_retries: 1 interval { seconds: 99999999 }",
        "tasks[0].failure_policy.interval",
        "longer than 2678400 s",
    ),
    "bound below the interval": (
        POLICY % "FIXED_INTERVAL max_retries: 1 interval { seconds: 2 } max_interval { seconds: 1 }",
        "tasks[0].failure_policy.max_interval",
        "shorter",
    ),
    "condition of an unconditional policy": (
        POLICY % 'NONE condition: "true"',
        "tasks[0].failure_policy.condition",
        "must be empty",
    ),
    "conditional policies without any": (
        TASK % "conditional_failure_policies { }",
        "tasks[0].conditional_failure_policies.failure_policies",
        "at least one",
    ),
    "policy over a variable of edges only": (
        TASK % 'conditional_failure_policies { failure_policies { condition: "item == 1" } }',
        "tasks[0].conditional_failure_policies.failure_policies[0].condition",
        "undeclared reference to 'item'",
    ),
    # inputs and outputs
    "input without a source": (TASK % 'parameters { key: "x" value { } }', 'tasks[0].parameters["x"]', "either"),
    "result of a timer": (
        'tasks { task_id: "a" timer { delay { } } outputs { result: "r" parameter: "p" } }',
        "tasks[0].outputs[0].result",
        "no such result",
    ),
    "parameter set twice": (
        TASK % 'outputs { result: "r" parameter: "p" } outputs { result: "s" parameter: "p" }',
        "tasks[0].outputs[1].parameter",
        "already",
    ),
    # the graph
    "edge to nowhere": (TASK % 'next_tasks { task_id: "b" }', "tasks[0].next_tasks[0].task_id", 'no task "b"'),
    "edge to itself": (TASK % 'next_tasks { task_id: "a" }', "tasks[0].next_tasks[0].task_id", "itself"),
    "cycle": (
        TASK % 'next_tasks { task_id: "b" }' + 'tasks { task_id: "b" task: "h" next_tasks { task_id: "a" } }',
        "tasks[0].next_tasks[0].task_id",
        "a -> b -> a",
    ),
    "unknown start task": (
        TASK % "" + 'triggers { trigger_id: "t" start_tasks { task_id: "z" } }',
        "triggers[0].start_tasks[0].task_id",
        'no task "z"',
    ),
    # expressions
    "broken condition": (
        TASK % 'next_tasks { task_id: "b" condition: "1 +" }' + 'tasks { task_id: "b" task: "h" }',
        "tasks[0].next_tasks[0].condition",
        "1:4:",
    ),
    "condition of a number": (
        TASK % 'next_tasks { task_id: "b" condition: "1 + 1" }' + 'tasks { task_id: "b" task: "h" }',
        "tasks[0].next_tasks[0].condition",
        "BOOL",
    ),
    "unknown parameter": (
        TASK % 'parameters { key: "x" value { expression: "params.nobody" } }',
        'tasks[0].parameters["x"].expression',
        'no "nobody"',
    ),
    "unknown task": (
        TASK % 'parameters { key: "x" value { expression: "tasks.z.outputs.r" } }',
        'tasks[0].parameters["x"].expression',
        'no task "z"',
    ),
    "own outputs as input": (
        TASK % 'parameters { key: "x" value { expression: "tasks.a.outputs.r" } }',
        'tasks[0].parameters["x"].expression',
        "no outputs yet",
    ),
    "outputs of a task beside it": (
        TASK % ""
        + 'tasks { task_id: "b" task: "h" parameters { key: "x" value { expression: "tasks.a.outputs.r" } } }',
        'tasks[1].parameters["x"].expression',
        'no edges lead from task "a"',
    ),
    "result that a loop does not have": (
        LOOP % ('next_tasks { task_id: "b" condition: "tasks.a.outputs.result == 1" }', 'task: "h"')
        + 'tasks { task_id: "b" task: "h" }',
        "tasks[0].next_tasks[0].condition",
        'no result "result"',
    ),
    "escape to attributes": (
        TASK % 'parameters { key: "x" value { expression: "params.__class__.__bases__" } }',
        'tasks[0].parameters["x"].expression',
        '"__class__"',
    ),
    "function of another language": (
        TASK % 'parameters { key: "x" value { expression: "open(\'/etc/passwd\')" } }',
        'tasks[0].parameters["x"].expression',
        "undeclared reference to 'open'",
    ),
    "expression without end": (
        TASK % f'parameters {{ key: "x" value {{ expression: "{"(" * 5000}" }} }}',
        'tasks[0].parameters["x"].expression',
        "the limit is 4096",
    ),
}


def parse(text):
    return text_format.Parse(text, Integration())


def test_a_definition_that_uses_everything_has_no_fault():
    assert find_faults(parse(WHOLE), EVALUATOR) == []


@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_field_is_one_fault_at_its_path(name):
    text, path, part = WRONG[name]
    faults = find_faults(parse(text), EVALUATOR)
    assert [fault.path for fault in faults] == [f"integration.{path}"]
    assert part in faults[0].description


def test_all_faults_are_reported_at_once():
    faults = find_faults(
        parse("""
            default_priority: -1
            parameters { key: "1" }
            triggers { trigger_id: "t" start_tasks { task_id: "a" } start_tasks { task_id: "b" } }
            tasks { task_id: "a" next_tasks { task_id: "b" condition: "params.x" } }
            tasks { task_id: "b" task: "h" timeout { seconds: -1 } next_tasks { task_id: "c" } }
        """),
        EVALUATOR,
    )
    assert {fault.path.removeprefix("integration.") for fault in faults} == {
        "default_priority",
        "parameters[0].key",
        "parameters[0].data_type",
        "triggers[0].start_tasks[1].task_id",
        "tasks[0].task",
        "tasks[0].next_tasks[0].condition",
        "tasks[1].timeout",
        "tasks[1].next_tasks[0].task_id",
    }


@pytest.mark.parametrize(
    ("tasks", "edges", "path"), [(2_001, 0, "integration.tasks"), (2_000, 20_001, "integration.tasks")]
)
def test_a_definition_beyond_its_limits_is_refused(tasks, edges, path):
    message = Integration()
    for number in range(tasks):
        message.tasks.add(task_id=f"t{number}", task="h")
    for number in range(edges):
        message.tasks[number % 100].next_tasks.add(task_id=f"t{100 + number // 100}")
    (fault,) = find_faults(message, EVALUATOR)
    assert fault.path == path
    assert "the limit is" in fault.description


def test_defaults_that_are_too_large_together_are_refused():
    message = parse(TASK % "")
    for number in range(3):
        parameter = message.parameters.add(key=f"p{number}", data_type="DATA_TYPE_STRING_VALUE")
        parameter.default_value.string_value = "x" * 900_000
    (fault,) = find_faults(message, EVALUATOR)
    assert fault.path == "integration.parameters"


def test_one_default_that_is_too_large_is_refused():
    message = parse(TASK % "")
    parameter = message.parameters.add(key="p", data_type="DATA_TYPE_STRING_VALUE")
    parameter.default_value.string_value = "x" * (1 << 20)
    (fault,) = find_faults(message, EVALUATOR)
    assert fault.path == "integration.parameters[0].default_value"


def test_numbers_that_no_enum_has_are_refused():
    message = parse(TASK % "failure_policy { }" + 'parameters { key: "p" data_type: DATA_TYPE_INT_VALUE }')
    message.tasks[0].task_execution_strategy = 99
    message.tasks[0].next_tasks_execution_policy = 99
    message.tasks[0].failure_policy.retry_strategy = 99
    message.parameters[0].input_output_type = 99
    message.parameters[0].data_type = 99
    assert len(find_faults(message, EVALUATOR)) == 5


@pytest.mark.slow
def test_the_largest_definition_is_checked_within_a_second():
    message = Integration()
    for number in range(2_000):
        task = message.tasks.add(task_id=f"t{number}", task="h")
        for target in range(number + 1, min(number + 11, 2_000)):
            task.next_tasks.add(task_id=f"t{target}", condition="execution.attempt == 1")
    began = time.perf_counter()
    assert find_faults(message, EVALUATOR) == []
    assert time.perf_counter() - began < 1


def test_the_whole_definition_is_read_into_the_rules():
    integration = read_integration(parse(WHOLE), "000003-a4d", 3)
    assert (integration.name, integration.revision_id, integration.ordinal) == ("order", "000003-a4d", 3)
    assert (integration.max_runtime, integration.default_priority) == (60_000_500, 7)
    assert integration.labels == {"team": "shop"}
    assert integration.parameters == {
        "sku": rules.Parameter("sku", ValueKind.STRING),
        "count": rules.Parameter("count", ValueKind.INT, encode_python(1), is_output=True),
        "receipt": rules.Parameter("receipt", ValueKind.JSON, is_input=False, is_output=True),
        "between": rules.Parameter("between", ValueKind.STRING, is_input=False),
    }
    assert integration.triggers == {
        "api_trigger/order": rules.Trigger("api_trigger/order", ("wait",)),
        "api_trigger/all": rules.Trigger("api_trigger/all"),
    }
    assert list(integration.tasks) == ["wait", "reserve", "loop", "end", "tell"]


def test_tasks_are_read_into_the_rules():
    tasks = read_integration(parse(WHOLE), "000001-a4d", 1).tasks
    assert tasks["wait"] == rules.TaskConfig(
        "wait",
        "timer",
        edges=(rules.Edge("reserve", "params.count > 0"), rules.Edge("loop")),
        next_tasks_policy=rules.NextTasksPolicy.RUN_FIRST_MATCH,
        built_in=rules.Timer(5_000_000),
    )
    assert tasks["reserve"] == rules.TaskConfig(
        "reserve",
        "reserve",
        parameters={"sku": rules.Expression("params.sku"), "many": encode_python(True)},
        outputs=(rules.OutputMapping("total", "scratch"),),
        edges=(rules.Edge("end", "tasks.reserve.outputs.total > 3 && params.scratch == 4"),),
        failure_policy=rules.FailurePolicy(rules.RetryStrategy.EXPONENTIAL_BACKOFF, 3, 1_000_000, 9_000_000),
        synchronous_failure_policy=rules.FailurePolicy(rules.RetryStrategy.FATAL),
        conditional_failure_policies=(
            rules.FailurePolicy(rules.RetryStrategy.IGNORE, condition="error.code == 'GONE'"),
            rules.FailurePolicy(rules.RetryStrategy.FATAL),
        ),
        timeout=250_000,
        checkpoint=False,
    )
    assert tasks["loop"].built_in == rules.ForEach("[1, 2]", "item", "index", "pack", parallelism=3)
    assert tasks["end"].built_in == rules.Assign((("count", "params.count + 1"), ("receipt", "params.count")))
    assert tasks["end"].join is rules.JoinStrategy.WHEN_ANY_SUCCEED
    assert tasks["tell"].built_in == rules.SubIntegration("notify", "api_trigger/n", wait=False)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", None),
        ("retention { }", rules.Retention()),
        ("retention { max_age { seconds: 60 } }", rules.Retention(max_age=60_000_000)),
        ("retention { max_age { seconds: 315619200 } }", rules.Retention(max_age=315_619_200_000_000)),
        ("retention { max_count: 1 }", rules.Retention(max_count=1)),
        ("retention { max_count: 10000000 }", rules.Retention(max_count=10_000_000)),
        ("retention { max_age { seconds: 90 nanos: 500000 } max_count: 7 }", rules.Retention(90_000_500, 7)),
    ],
)
def test_retention_is_read_into_the_rules(written, read):
    message = parse(TASK % "" + written)
    assert find_faults(message, EVALUATOR) == []
    assert read_integration(message, "000001-a4d", 1).retention == read


def test_searchable_parameters_are_read_into_the_rules():
    kinds = ("STRING_VALUE", "INT_VALUE", "DOUBLE_VALUE", "BOOLEAN_VALUE") * 4
    message = parse(TASK % "" + 'parameters { key: "hidden" data_type: DATA_TYPE_JSON_VALUE }')
    for number, kind in enumerate(kinds):
        message.parameters.add(key=f"p{number}", data_type=f"DATA_TYPE_{kind}", searchable=True)
    assert find_faults(message, EVALUATOR) == []
    integration = read_integration(message, "000001-a4d", 1)
    assert integration.searchable == tuple(f"p{number}" for number in range(16))
    assert not integration.parameters["hidden"].searchable


@pytest.mark.parametrize("change", ["retention", "searchable"])
def test_what_is_kept_and_what_is_searchable_is_content(change):
    before, after = parse(WHOLE), parse(WHOLE)
    if change == "retention":
        after.retention.max_count = 5
    else:
        after.parameters[0].searchable = True
    assert canonical_bytes(after) != canonical_bytes(before)


def test_content_is_everything_but_ids_and_instants():
    message = parse(WHOLE)
    kept = parse(WHOLE)
    kept.name = "projects/p/locations/local/integrations/other"
    kept.uid, kept.etag, kept.revision_id, kept.snapshot_number, kept.store_revision = "u", "e", "000001-a4d", 1, 9
    kept.create_time.seconds = kept.update_time.seconds = 5
    assert canonical_bytes(kept) == canonical_bytes(message)
    kept.description = "changed"
    assert canonical_bytes(kept) != canonical_bytes(message)
    assert set(NOT_CONTENT) <= set(Integration.DESCRIPTOR.fields_by_name)


def test_equal_content_has_equal_bytes_whatever_the_order_of_its_maps():
    one, other = parse(TASK % ""), parse(TASK % "")
    for key in ("a", "b", "c", "d"):
        one.labels[key] = "x"
    for key in ("d", "b", "c", "a"):
        other.labels[key] = "x"
    assert canonical_bytes(one) == canonical_bytes(other)


def test_a_revision_is_named_by_its_ordinal_and_its_content():
    assert revision_id(12, b"content") == "000012-ed7"
