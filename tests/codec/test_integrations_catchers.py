"""Definitions of what follows a failure, waits for somebody, and comes last: every fault with its path, and reading."""

import pytest
from google.protobuf import text_format

from perdure.codec.integrations import canonical_bytes, find_faults, read_integration
from perdure.domain import integration as rules
from perdure.domain.graph import build_graph
from perdure.domain.limits import TEARDOWN_TIMEOUT
from perdure.expression.cel import CelEvaluator
from perdure.v1.integration_pb2 import Integration

EVALUATOR = CelEvaluator()
SECOND = 1_000_000
DAY = 24 * 3600

WHOLE = """
name: "projects/p/locations/local/integrations/order"
parameters { key: "sku" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
triggers { trigger_id: "careful" error_catcher_id: "minor" criteria: "params.sku != '' && execution.bucket < 5" }
error_catchers { error_catcher_id: "minor" start_error_tasks { task_id: "note" } start_error_tasks { task_id: "log" } }
error_catchers { error_catcher_id: "major" start_error_tasks { task_id: "alarm" } }
error_catcher_id: "major"
savepoint_retention: SAVEPOINT_RETENTION_LAST
tasks {
  task_id: "reserve" task: "reserve" error_catcher_id: "minor"
  precondition: "!execution.development"
  next_tasks { task_id: "release" }
  rollback {
    task: "give_back" timeout { seconds: 5 } on_unknown_outcome: true failure_action: FAILURE_ACTION_HOLD
    failure_policy { retry_strategy: RETRY_STRATEGY_LINEAR_BACKOFF max_retries: 2 interval { seconds: 1 } }
  }
  success_policy { final_state: FINAL_STATE_SUSPENDED }
  suspension_config {
    who_may_resolve: "ann" who_may_resolve: "bob" custom_message: "look at it"
    expire_after { seconds: 60 } remind_after { seconds: 59 } lift_when_expired: true
  }
}
tasks { task_id: "release" suspend { } next_tasks { task_id: "paid" condition: "tasks.release.outputs.approved" } }
tasks { task_id: "paid" callback { signal: "paid" timeout { seconds: 7 } } next_tasks { task_id: "ship" } }
tasks {
  task_id: "ship" task: "ship" parameters { key: "amount" value { expression: "tasks.paid.outputs.amount" } }
  success_policy { final_state: FINAL_STATE_SUCCEEDED }
}
tasks { task_id: "note" task: "note" precondition: "error.code != 'MINOR'" next_tasks { task_id: "log_it" } }
tasks { task_id: "log" assign { assignments { parameter: "last" expression: "error.message" } } }
tasks { task_id: "log_it" task: "log" parameters { key: "by" value { expression: "tasks.note.outputs.by" } } }
tasks {
  task_id: "alarm" task: "alarm"
  precondition: "has(tasks.ship) && tasks.ship.outputs.late"
  parameters { key: "task" value { expression: "error.task" } }
  rollback { task: "calm" }
}
teardown_tasks { task_id: "close" task: "close" precondition: "error.code != ''" }
teardown_tasks { task_id: "last" assign { assignments { parameter: "last" expression: "tasks.alarm.outputs.x" } } }
teardown_tasks {
  task_id: "tell" sub_integration { integration_id: "notify" } timeout { seconds: 3 }
  parameters { key: "closed" value { expression: "tasks.close.outputs.result" } }
}
"""

TASK = 'tasks { task_id: "a" task: "h" %s }'
CATCH = (
    TASK % 'error_catcher_id: "c" %s' + 'error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "e" } }'
)
CAUGHT = CATCH % "" + 'tasks { task_id: "e" task: "h" %s }'
ROLLBACK = TASK % "rollback { %s }"
SUSPENDED = TASK % "success_policy { final_state: FINAL_STATE_SUSPENDED } %s"
SUSPEND = 'tasks { task_id: "a" suspend { %s } }'
CALLBACK = 'tasks { task_id: "a" callback { %s } %s }'
TEARDOWN = TASK % "" + 'teardown_tasks { task_id: "t" %s }'
RESTART = "{ retry_strategy: RETRY_STRATEGY_RESTART_INTEGRATION_WITH_BACKOFF max_retries: 1 interval { seconds: 1 } }"

WRONG = {
    # catchers
    "no id of a catcher": (
        TASK % "" + 'error_catchers { start_error_tasks { task_id: "e" } } tasks { task_id: "e" task: "h" }',
        "error_catchers[0].error_catcher_id",
        "is required",
    ),
    "catcher that nothing names": (
        TASK % ""
        + 'tasks { task_id: "e" task: "h" }'
        + 'error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "e" } }',
        "error_catchers[0].error_catcher_id",
        'no task, no trigger and not the integration name "c"',
    ),
    "catcher twice": (
        CAUGHT % "" + 'error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "e" } }',
        "error_catchers[1].error_catcher_id",
        "error_catchers[0] already",
    ),
    "catcher without tasks": (
        TASK % 'error_catcher_id: "c"' + 'error_catchers { error_catcher_id: "c" }',
        "error_catchers[0].start_error_tasks",
        "at least one",
    ),
    "catcher of unknown tasks": (CATCH % "", "error_catchers[0].start_error_tasks[0].task_id", 'no task "e"'),
    "catcher of one task twice": (
        TASK % 'error_catcher_id: "c"'
        + 'error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "e" } '
        + 'start_error_tasks { task_id: "e" } }'
        + 'tasks { task_id: "e" task: "h" }',
        "error_catchers[0].start_error_tasks[1].task_id",
        "named twice",
    ),
    "catcher that begins with a later task": (
        TASK % 'error_catcher_id: "c"'
        + 'error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "e" } '
        + 'start_error_tasks { task_id: "f" } }'
        + 'tasks { task_id: "e" task: "h" next_tasks { task_id: "f" } } tasks { task_id: "f" task: "h" }',
        "error_catchers[0].start_error_tasks[1].task_id",
        'another task leads to "f"',
    ),
    "long text of a catcher": (
        TASK % 'error_catcher_id: "c"'
        + f'error_catchers {{ error_catcher_id: "c" description: "{"x" * 501}" start_error_tasks {{ task_id: "e" }} }}'
        + 'tasks { task_id: "e" task: "h" }',
        "error_catchers[0].description",
        "the limit is 500",
    ),
    "unknown catcher of a task": (TASK % 'error_catcher_id: "z"', "tasks[0].error_catcher_id", 'no error catcher "z"'),
    "unknown catcher of a trigger": (
        TASK % "" + 'triggers { trigger_id: "t" error_catcher_id: "z" }',
        "triggers[0].error_catcher_id",
        'no error catcher "z"',
    ),
    "unknown catcher of the integration": (TASK % "" + 'error_catcher_id: "z"', "error_catcher_id", "no error catcher"),
    "task of a catcher in the forward part": (
        TASK % 'error_catcher_id: "c" next_tasks { task_id: "f" }'
        + 'error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "e" } }'
        + 'tasks { task_id: "e" task: "h" next_tasks { task_id: "f" } }'
        + 'tasks { task_id: "f" task: "h" next_tasks { task_id: "g" } } tasks { task_id: "g" task: "h" }',
        "tasks[2].task_id",
        'is reached from start tasks and from error catcher "c"',
    ),
    "trigger that starts a catcher": (
        CAUGHT % "" + 'triggers { trigger_id: "t" start_tasks { task_id: "e" } }',
        "tasks[1].task_id",
        "reached from start tasks and",
    ),
    "task of two catchers": (
        CAUGHT % ""
        + 'error_catchers { error_catcher_id: "d" start_error_tasks { task_id: "e" } } error_catcher_id: "d"',
        "tasks[1].task_id",
        'from error catcher "c" and from error catcher "d"',
    ),
    "catcher of a catcher": (CAUGHT % 'error_catcher_id: "c"', "tasks[1].error_catcher_id", "has none itself"),
    "restart in a catcher": (
        CAUGHT % f"synchronous_call_failure_policy {RESTART}",
        "tasks[1].synchronous_call_failure_policy.retry_strategy",
        "cannot be used in an error catcher",
    ),
    "nothing but catchers": (
        'tasks { task_id: "e" task: "h" } error_catcher_id: "c"'
        'error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "e" } }',
        "tasks",
        "error catchers start all",
    ),
    "cycle in a catcher": (
        CAUGHT % 'next_tasks { task_id: "f" }'
        + 'tasks { task_id: "f" task: "h" next_tasks { task_id: "g" } }'
        + 'tasks { task_id: "g" task: "h" next_tasks { task_id: "f" } }',
        "tasks[2].next_tasks[0].task_id",
        "f -> g -> f",
    ),
    # expressions of catchers
    "failure outside of a catcher": (
        TASK % "precondition: \"error.code == ''\"",
        "tasks[0].precondition",
        "undeclared reference to 'error.code'",
    ),
    "field that no failure has": (
        CAUGHT % 'parameters { key: "x" value { expression: "error.payload" } }',
        'tasks[1].parameters["x"].expression',
        '"payload" is none of the fields of error: code, message, task',
    ),
    "outputs of a catcher in the forward part": (
        CATCH % 'parameters { key: "x" value { expression: "tasks.e.outputs.r" } }'
        + 'tasks { task_id: "e" task: "h" }',
        'tasks[0].parameters["x"].expression',
        'no edges lead from task "e"',
    ),
    "outputs of another catcher": (
        CAUGHT % 'parameters { key: "x" value { expression: "tasks.g.outputs.r" } }'
        + 'error_catchers { error_catcher_id: "d" start_error_tasks { task_id: "g" } } error_catcher_id: "d"'
        + 'tasks { task_id: "g" task: "h" }',
        'tasks[1].parameters["x"].expression',
        'no edges lead from task "g"',
    ),
    # preconditions and criteria
    "precondition that is no condition": (TASK % 'precondition: "1 + 1"', "tasks[0].precondition", "BOOL"),
    "precondition over the own outputs": (
        TASK % 'precondition: "tasks.a.outputs.r == 1"',
        "tasks[0].precondition",
        "no outputs yet",
    ),
    "criteria over tasks": (
        TASK % "" + 'triggers { trigger_id: "t" criteria: "tasks.a.outputs.r == 1" }',
        "triggers[0].criteria",
        "undeclared reference to 'tasks.a.outputs.r'",
    ),
    "criteria over what has no value yet": (
        TASK % 'outputs { result: "r" parameter: "p" }'
        + 'parameters { key: "p" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }'
        + 'triggers { trigger_id: "t" criteria: "params.p == 1" }',
        "triggers[0].criteria",
        "it is no input and has no default",
    ),
    "criteria that are no condition": (
        TASK % "" + 'triggers { trigger_id: "t" criteria: "execution.bucket" }'.replace("bucket", "bucket + 1"),
        "triggers[0].criteria",
        "BOOL",
    ),
    "fact that no execution has": (
        TASK % 'precondition: "execution.color == 1"',
        "tasks[0].precondition",
        '"color" is none of the fields of execution: attempt, bucket,',
    ),
    # rollback
    "rollback of a timer": (
        'tasks { task_id: "a" timer { delay { } } rollback { task: "h" } }',
        "tasks[0].rollback",
        "nothing that could be undone",
    ),
    "rollback by nobody": (ROLLBACK % "", "tasks[0].rollback.task", "is required"),
    "rollback by a built-in": (ROLLBACK % 'task: "assign"', "tasks[0].rollback.task", "only a handler"),
    "rollback that restarts": (
        ROLLBACK % f'task: "h" failure_policy {RESTART}',
        "tasks[0].rollback.failure_policy.retry_strategy",
        "RESTART_INTEGRATION_WITH_BACKOFF says nothing about an undo",
    ),
    "rollback that ignores": (
        ROLLBACK % 'task: "h" failure_policy { retry_strategy: RETRY_STRATEGY_IGNORE }',
        "tasks[0].rollback.failure_policy.retry_strategy",
        "IGNORE says nothing",
    ),
    "rollback under a condition": (
        ROLLBACK % 'task: "h" failure_policy { condition: "true" }',
        "tasks[0].rollback.failure_policy.condition",
        "must be empty",
    ),
    "rollback with a negative timeout": (
        ROLLBACK % 'task: "h" timeout { seconds: -1 }',
        "tasks[0].rollback.timeout",
        "negative",
    ),
    # suspensions and callbacks
    "suspended without saying how": (SUSPENDED % "", "tasks[0].suspension_config", "is required"),
    "suspension that nothing asks for": (TASK % "suspension_config { }", "tasks[0].suspension_config", "goes with"),
    "timer that is suspended": (
        'tasks { task_id: "a" timer { delay { } } suspension_config { } '
        "success_policy { final_state: FINAL_STATE_SUSPENDED } }",
        "tasks[0].success_policy.final_state",
        "with `timer` cannot be suspended",
    ),
    "too many who decide": (
        SUSPEND % " ".join(f'who_may_resolve: "p{number}"' for number in range(101)),
        "tasks[0].suspend.who_may_resolve",
        "the limit is 100",
    ),
    "nobody who decides": (SUSPEND % 'who_may_resolve: ""', "tasks[0].suspend.who_may_resolve[0]", "is empty"),
    "one who decides twice": (
        SUSPEND % 'who_may_resolve: "ann" who_may_resolve: "ann"',
        "tasks[0].suspend.who_may_resolve[1]",
        "named twice",
    ),
    "long message": (
        SUSPENDED % f'suspension_config {{ custom_message: "{"x" * 4_001}" }}',
        "tasks[0].suspension_config.custom_message",
        "the limit is 4000",
    ),
    "expiry that is too late": (
        SUSPEND % f"expire_after {{ seconds: {31 * DAY} nanos: 1000 }}",
        "tasks[0].suspend.expire_after",
        "longer than 2678400 s",
    ),
    "reminder at the expiry": (
        SUSPEND % "expire_after { seconds: 60 } remind_after { seconds: 60 }",
        "tasks[0].suspend.remind_after",
        "not shorter",
    ),
    "negative reminder": (SUSPEND % "remind_after { seconds: -1 }", "tasks[0].suspend.remind_after", "negative"),
    "timeout of a suspension": (
        'tasks { task_id: "a" suspend { } timeout { seconds: 1 } }',
        "tasks[0].timeout",
        "`suspend` has no timeout",
    ),
    "result that no decision has": (
        SUSPEND.replace("suspend", 'next_tasks { task_id: "b" } suspend') % ""
        + TASK.replace('"a"', '"b"') % 'parameters { key: "x" value { expression: "tasks.a.outputs.by" } }',
        'tasks[1].parameters["x"].expression',
        'no result "by"',
    ),
    "signal of no name": (CALLBACK % ("", ""), "tasks[0].callback.signal", "is required"),
    "signal that is no identifier": (CALLBACK % ('signal: "a-b"', ""), "tasks[0].callback.signal", "not allowed"),
    "signal of a long name": (CALLBACK % (f'signal: "{"x" * 64}"', ""), "tasks[0].callback.signal", "at most 63"),
    "wait for a signal that is too long": (
        CALLBACK % (f'signal: "s" timeout {{ seconds: {32 * DAY} }}', ""),
        "tasks[0].callback.timeout",
        "longer than",
    ),
    "wait of a callback as its timeout": (
        CALLBACK % ('signal: "s"', f"timeout {{ seconds: {32 * DAY} }}"),
        "tasks[0].timeout",
        "longer than 2678400 s",
    ),
    # teardown
    "teardown task of another's id": (
        TASK % "" + 'teardown_tasks { task_id: "a" task: "h" }',
        "teardown_tasks[0].task_id",
        "tasks[0] already",
    ),
    "teardown task without a handler": (TEARDOWN % "", "teardown_tasks[0].task", "is required"),
    "teardown that waits": (
        TEARDOWN % "timer { delay { } }",
        "teardown_tasks[0].timer",
        "`assign` and `sub_integration`",
    ),
    "teardown with edges": (
        TEARDOWN % 'task: "h" next_tasks { task_id: "a" }',
        "teardown_tasks[0].next_tasks",
        "have no edges",
    ),
    "teardown with a catcher": (
        CAUGHT % "" + 'teardown_tasks { task_id: "t" task: "h" error_catcher_id: "c" }',
        "teardown_tasks[0].error_catcher_id",
        "has none",
    ),
    "teardown that is undone": (
        TEARDOWN % 'task: "h" rollback { task: "u" }',
        "teardown_tasks[0].rollback",
        "is not undone",
    ),
    "teardown that waits for a person": (
        TEARDOWN % 'task: "h" success_policy { final_state: FINAL_STATE_SUSPENDED } suspension_config { }',
        "teardown_tasks[0].success_policy.final_state",
        "waits for nobody",
    ),
    "fatal teardown": (
        TEARDOWN % 'task: "h" failure_policy { retry_strategy: RETRY_STRATEGY_FATAL }',
        "teardown_tasks[0].failure_policy.retry_strategy",
        "FATAL cannot be used in a teardown task",
    ),
    "teardown that restarts": (
        TEARDOWN % 'task: "h" conditional_failure_policies {'
        f" failure_policies {{ retry_strategy: RETRY_STRATEGY_IGNORE }} default_failure_policy {RESTART} }}",
        "teardown_tasks[0].conditional_failure_policies.default_failure_policy.retry_strategy",
        "RESTART_INTEGRATION_WITH_BACKOFF cannot",
    ),
    "teardown task that reads a later one": (
        TEARDOWN % 'task: "h" parameters { key: "x" value { expression: "tasks.u.outputs.r" } }'
        + 'teardown_tasks { task_id: "u" task: "h" }',
        'teardown_tasks[0].parameters["x"].expression',
        'no edges lead from task "u"',
    ),
    "teardown read before its time": (
        TASK % 'parameters { key: "x" value { expression: "tasks.t.outputs.r" } }'
        + 'teardown_tasks { task_id: "t" task: "h" }',
        'tasks[0].parameters["x"].expression',
        'no edges lead from task "t"',
    ),
    "output that only the teardown sets": (
        TEARDOWN % 'task: "h" outputs { result: "r" parameter: "p" }'
        + 'parameters { key: "p" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }',
        "parameters[0]",
        "no task sets this output",
    ),
    "too much teardown": (
        TASK % "" + "".join(f'teardown_tasks {{ task_id: "t{number}" task: "h" }}' for number in range(101)),
        "teardown_tasks",
        "the limit is 100",
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
    text = """
        savepoint_retention: 9
        triggers { trigger_id: "t" criteria: "x" error_catcher_id: "z" }
        error_catchers { error_catcher_id: "c" }
        tasks { task_id: "a" callback { } precondition: "1" rollback { } }
        tasks { task_id: "b" task: "h" rollback { task: "h" failure_action: 9 } success_policy { final_state: 9 } }
        teardown_tasks { task_id: "a" suspend { expire_after { seconds: -1 } } next_tasks { task_id: "b" } }
    """
    assert {fault.path.removeprefix("integration.") for fault in find_faults(parse(text), EVALUATOR)} == {
        "savepoint_retention",
        "triggers[0].criteria",
        "triggers[0].error_catcher_id",
        "error_catchers[0].error_catcher_id",
        "error_catchers[0].start_error_tasks",
        "tasks[0].callback.signal",
        "tasks[0].precondition",
        "tasks[0].rollback",
        "tasks[0].rollback.task",
        "tasks[1].rollback.failure_action",
        "tasks[1].success_policy.final_state",
        "teardown_tasks[0].task_id",
        "teardown_tasks[0].suspend",
        "teardown_tasks[0].suspend.expire_after",
        "teardown_tasks[0].next_tasks",
    }


def test_tasks_and_teardown_tasks_share_one_limit():
    message = Integration()
    for number in range(2_000):
        message.tasks.add(task_id=f"t{number}", task="h")
    assert find_faults(message, EVALUATOR) == []
    message.teardown_tasks.add(task_id="last", task="h")
    (fault,) = find_faults(message, EVALUATOR)
    assert (fault.path, fault.description) == (
        "integration.tasks",
        "has 2000 entries, the limit is 1999 with 1 in teardown_tasks",
    )


def test_more_catchers_than_there_may_be_are_refused():
    message = parse(TASK % "")
    for number in range(101):
        message.error_catchers.add(error_catcher_id=f"c{number}")
    (fault,) = find_faults(message, EVALUATOR)
    assert (fault.path, fault.description) == ("integration.error_catchers", "has 101 entries, the limit is 100")


def test_the_whole_definition_is_read_into_the_rules():
    integration = read_integration(parse(WHOLE), "000001-a4d", 1)
    assert integration.triggers["careful"] == rules.Trigger(
        "careful", criteria="params.sku != '' && execution.bucket < 5", error_catcher="minor"
    )
    assert integration.error_catchers == {
        "minor": rules.ErrorCatcher("minor", ("note", "log")),
        "major": rules.ErrorCatcher("major", ("alarm",)),
    }
    assert integration.error_catcher == "major"
    assert integration.savepoint_retention is rules.SavepointRetention.LAST
    assert [task.task_id for task in integration.teardown] == ["close", "last", "tell"]


def test_tasks_are_read_into_the_rules():
    tasks = read_integration(parse(WHOLE), "000001-a4d", 1).tasks
    retry = rules.FailurePolicy(rules.RetryStrategy.LINEAR_BACKOFF, 2, SECOND)
    assert tasks["reserve"] == rules.TaskConfig(
        "reserve",
        "reserve",
        edges=(rules.Edge("release"),),
        precondition="!execution.development",
        error_catcher="minor",
        rollback=rules.Rollback("give_back", retry, 5 * SECOND, True, rules.RollbackFailureAction.HOLD),
        suspension=rules.SuspensionConfig(("ann", "bob"), "look at it", 60 * SECOND, 59 * SECOND, True),
    )
    assert tasks["alarm"].rollback == rules.Rollback("calm")
    assert (tasks["release"].handler, tasks["release"].built_in) == ("suspend", rules.SuspensionConfig())
    assert (tasks["paid"].handler, tasks["paid"].built_in) == ("callback", rules.Callback("paid", 7 * SECOND))
    assert tasks["ship"].suspension is None


def test_the_graph_tells_what_was_read_apart():
    graph = build_graph(read_integration(parse(WHOLE), "000001-a4d", 1), "")
    assert graph.forward == ("reserve", "release", "paid", "ship")
    assert graph.start_tasks == ("reserve",)
    assert graph.catchers["minor"].tasks == ("note", "log", "log_it")
    assert graph.teardown == ("close", "last", "tell")


def test_the_timeout_of_a_callback_is_its_wait_unless_it_has_its_own():
    def read(own, of_task):
        message = parse(CALLBACK % (f'signal: "s" {own}', of_task))
        assert find_faults(message, EVALUATOR) == []
        return read_integration(message, "000001-a4d", 1).tasks["a"]

    task = read("", "timeout { seconds: 5 }")
    assert (task.timeout, task.built_in) == (0, rules.Callback("s", 5 * SECOND))
    task = read("timeout { seconds: 4 }", "timeout { seconds: 5 }")
    assert (task.timeout, task.built_in) == (0, rules.Callback("s", 4 * SECOND))


def test_a_teardown_task_always_has_a_timeout_unless_it_takes_no_time():
    teardown = read_integration(parse(WHOLE), "000001-a4d", 1).teardown
    assert [task.timeout for task in teardown] == [TEARDOWN_TIMEOUT, 0, 3 * SECOND]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("UNSPECIFIED", rules.SavepointRetention.ALL),
        ("ALL", rules.SavepointRetention.ALL),
        ("LAST", rules.SavepointRetention.LAST),
        ("NONE", rules.SavepointRetention.NONE),
    ],
)
def test_savepoint_retention_is_read_into_the_rules(written, read):
    message = parse(TASK % "" + f"savepoint_retention: SAVEPOINT_RETENTION_{written}")
    assert find_faults(message, EVALUATOR) == []
    assert read_integration(message, "000001-a4d", 1).savepoint_retention is read


@pytest.mark.parametrize("built_in", ['sub_integration { integration_id: "x" }', 'for_each { %s task: "h" }'])
def test_what_runs_elsewhere_can_be_undone(built_in):
    config = built_in.replace("%s", 'items: "[1]" item_parameter: "i"')
    message = parse(f'tasks {{ task_id: "a" {config} rollback {{ task: "undo" }} }}')
    assert find_faults(message, EVALUATOR) == []


def test_all_of_it_is_content():
    plain = canonical_bytes(parse(TASK % ""))
    for text in (
        TASK % 'precondition: "true"',
        TASK % "" + 'teardown_tasks { task_id: "t" task: "h" }',
        TASK % "" + "savepoint_retention: SAVEPOINT_RETENTION_NONE",
        CAUGHT % "",
    ):
        assert canonical_bytes(parse(text)) != plain
