"""Integrations in YAML: the same message as proto3 JSON, and errors that say where."""

import subprocess
import sys

import pytest
from google.protobuf import json_format

from perdure.definition.errors import DefinitionError
from perdure.definition.yaml_loader import YAML_MAX_BYTES, YamlError, load_integration, place_of
from perdure.v1.integration_pb2 import Integration
from tests.codec.test_integrations import WHOLE, parse

ORDER = """\
# An order, as an author writes it.
description: "Takes an order"
parameters:
  - key: sku
    dataType: DATA_TYPE_STRING_VALUE
    inputOutputType: INPUT_OUTPUT_TYPE_IN
  - key: prices
    data_type: DATA_TYPE_DOUBLE_ARRAY       # the names of the proto are allowed too
    defaultValue: {doubleArray: {doubleValues: [1, 2.5]}}
  - key: many
    dataType: DATA_TYPE_INT_VALUE
    defaultValue: {intValue: "9007199254740993"}
triggers:
  - triggerId: api_trigger/order
labels: {team: shop, "since": "2030"}
maxRuntime: 90s
tasks:
  - taskId: reserve
    task: reserve
    checkpoint: false
    timeout: 1.5s
    parameters:
      sku: {expression: params.sku}
      on: {constant: {booleanValue: true}}
    nextTasks:
      - taskId: wait
        condition: |
          params.sku != ""
  - taskId: wait
    timer: {delay: 0s}
"""


def test_a_definition_is_read():
    integration = load_integration(ORDER, "order.yaml")
    assert integration.description == "Takes an order"
    assert list(integration.parameters[1].default_value.double_array.double_values) == [1.0, 2.5]
    assert integration.parameters[2].default_value.int_value == 9007199254740993
    assert dict(integration.labels) == {"team": "shop", "since": "2030"}
    assert integration.max_runtime.seconds == 90
    reserve, wait = integration.tasks
    assert (reserve.timeout.nanos, reserve.HasField("checkpoint"), reserve.checkpoint) == (500_000_000, True, False)
    assert reserve.parameters["on"].constant.boolean_value is True
    assert reserve.next_tasks[0].condition == 'params.sku != ""\n'
    assert wait.timer.HasField("delay")


@pytest.mark.parametrize("by_proto_names", [True, False])
def test_every_proto3_json_is_read_as_the_message_that_it_was_written_from(by_proto_names):
    message = parse(WHOLE)
    message.create_time.FromJsonString("2030-01-02T12:00:00Z")
    text = json_format.MessageToJson(message, preserving_proto_field_name=by_proto_names)
    assert load_integration(text, "order.json") == message


def test_null_leaves_a_field_unset():
    assert load_integration("name: null\ntasks: ~", "f.yaml") == Integration()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tasks:\n  - taskld: a", "f.yaml:2:5: tasks[0].taskld: there is no such field; the fields here are assign,"),
        ("tasks:\n  - taskId: 5", "f.yaml:2:13: tasks[0].taskId: expected text, got a whole number; put it in quotes"),
        ("tasks:\n  - task: true", "f.yaml:2:11: tasks[0].task: expected text, got true or false; put it in quotes"),
        ("tasks: {}", "f.yaml:1:8: tasks: expected a list, got a mapping"),
        ("tasks: [null]", "f.yaml:1:9: tasks[0]: expected a mapping, got nothing"),
        ("labels: [a]", "f.yaml:1:9: labels: expected a mapping, got a list"),
        ("labels: {a: 1}", 'f.yaml:1:13: labels["a"]: expected text, got a whole number; put it in quotes'),
        ("defaultPriority: 1.5", "f.yaml:1:18: defaultPriority: expected a whole number, got a number"),
        ("defaultPriority: high", 'f.yaml:1:18: defaultPriority: "high" is not a whole number that this field can'),
        ("defaultPriority: 99999999999", 'f.yaml:1:18: defaultPriority: "99999999999" is not a whole number that'),
        ("maxRuntime: 90", 'f.yaml:1:13: maxRuntime: expected a length of time such as "30s", got a whole number'),
        ("maxRuntime: 5y", 'f.yaml:1:13: maxRuntime: "5y" is not a length of time such as "30s" that this field can'),
        ("createTime: noon", 'f.yaml:1:13: createTime: "noon" is not an instant in RFC 3339 text that this field can'),
        ("tasks:\n- checkpoint: yes", "f.yaml:2:15: tasks[0].checkpoint: expected true or false, got text"),
        (
            "tasks:\n- failurePolicy:\n    retryStrategy: SOMETIMES",
            "f.yaml:3:20: tasks[0].failurePolicy.retryStrategy: expected one of RETRY_STRATEGY_UNSPECIFIED, RETRY_",
        ),
        (
            "tasks:\n- timer: {}\n  assign: {}",
            "f.yaml:3:3: tasks[0].assign: only one of timer and assign can be set, and only once",
        ),
        ("name: a\nname: b", "f.yaml:2:1: name: only one of name and name can be set, and only once"),
        ("maxRuntime: 1s\nmax_runtime: 1s", "f.yaml:2:1: max_runtime: only one of maxRuntime and max_runtime can be"),
        ("labels: {a: x, a: y}", 'f.yaml:1:16: labels["a"]: is set already'),
        ("? [a]\n: 1", "f.yaml:1:3: a key must be a plain text"),
        ("<<: {name: a}", "f.yaml:1:1: <<: there is no such field"),
        ("- 1", "f.yaml:1:1: expected a mapping, got a list"),
        ("just text", "f.yaml:1:1: expected a mapping, got text"),
        ("", "f.yaml:1:1: the text holds no definition"),
        ("# nothing", "f.yaml:1:1: the text holds no definition"),
        ("name: [a", "f.yaml:1:9: expected ',' or ']', but got '<stream end>'"),
        ("name: a\n\tb: c", "f.yaml:2:1: found character '\\t' that cannot start any token"),
        ("name: &a x\ndescription: *a", "f.yaml:1:7: anchors and aliases are not allowed"),
        ("name: *a", "f.yaml:1:7: anchors and aliases are not allowed"),
        ("name: !!python/object:os.system x", "f.yaml:1:7: tags are not allowed"),
        ("name: !include /etc/passwd", "f.yaml:1:7: tags are not allowed"),
        ("name: a\n---\nname: b", "f.yaml:2:1: a second document"),
        ("[" * 1000, "f.yaml:1:63: nests deeper than 64 levels"),
        ('name: "\\ud800"', "f.yaml:1:7: holds one half of a surrogate pair"),
        ("name: \0", "f.yaml:1:1: unacceptable character"),
        ("a" * (YAML_MAX_BYTES + 1), "f.yaml:1:1: the text has more than 1048576 bytes"),
    ],
)
def test_a_fault_is_reported_with_its_place_and_path(text, fault):
    with pytest.raises(YamlError) as caught:
        load_integration(text, "f.yaml")
    assert len(caught.value.faults) == 1
    assert str(caught.value).startswith(fault)


def test_all_faults_are_reported_at_once():
    with pytest.raises(YamlError) as caught:
        load_integration("nme: a\ntasks:\n- taskId: 1\n  nextTasks: [{task: b}]\nlabels: 5", "f.yaml")
    assert [fault.split(": ")[0] for fault in caught.value.faults] == [
        "f.yaml:1:1",
        "f.yaml:3:11",
        "f.yaml:4:16",
        "f.yaml:5:9",
    ]


def test_without_ruamel_the_extra_is_named():
    program = """
import sys
sys.modules["ruamel.yaml"] = None
from perdure.definition.errors import DefinitionError
from perdure.definition.yaml_loader import load_integration
try:
    load_integration("name: a", "f.yaml")
except DefinitionError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "reading YAML needs ruamel.yaml: install perdure[yaml]\n"
    assert issubclass(YamlError, DefinitionError)


@pytest.mark.parametrize(
    ("path", "stands_there"),
    [
        ("integration.max_runtime", "90s"),
        ("integration.tasks[0].next_tasks[0].condition", "|"),
        ('integration.tasks[0].parameters["sku"].expression', "params.sku}"),
        ("integration.parameters[1].data_type", "DATA_TYPE_DOUBLE_ARRAY"),
        ("integration.tasks[1].timeout", "taskId: wait"),
        ("integration.tasks[7].task_id", "- taskId: reserve"),
        ("integration.tasks", "- taskId: reserve"),
        ("integration", "description:"),
    ],
)
def test_a_fault_that_a_server_found_has_a_place_in_the_text(path, stands_there):
    filename, line, column = place_of(ORDER, "order.yaml", path).split(":")
    assert filename == "order.yaml"
    assert ORDER.splitlines()[int(line) - 1][int(column) - 1 :].startswith(stands_there)
