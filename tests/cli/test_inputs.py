"""Inputs from the command line become values of the declared types."""

import click
import pytest

from perdure.cli.inputs import read_inputs
from perdure.client.values import all_to_python
from perdure.v1.integration_pb2 import Integration, IntegrationParameter

KINDS = ["STRING_VALUE", "INT_VALUE", "DOUBLE_VALUE", "BOOLEAN_VALUE", "STRING_ARRAY", "INT_ARRAY", "JSON_VALUE"]
DECLARING = Integration(
    parameters=[
        IntegrationParameter(
            key=kind.lower(),
            data_type=IntegrationParameter.DataType.Value(f"DATA_TYPE_{kind}"),
            input_output_type=IntegrationParameter.INPUT_OUTPUT_TYPE_IN,
        )
        for kind in KINDS
    ]
    + [
        IntegrationParameter(key="inner", data_type=IntegrationParameter.DATA_TYPE_INT_VALUE),
    ]
)


def read(*assignments, document=None, integration=DECLARING):
    return all_to_python(read_inputs(assignments, document, integration))


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("string_value=12", "12"),
        ("string_value=", ""),
        ("string_value=a=b", "a=b"),
        ("string_value=@@x", "@x"),
        ("int_value=-3", -3),
        ("double_value=3", 3.0),
        ("boolean_value=TRUE", True),
        ('json_value={"a": [1, null]}', {"a": [1, None]}),
        ("int_array=[1, 2]", [1, 2]),
        ("int_array=7", [7]),
        ("string_array=x", ["x"]),
    ],
)
def test_a_text_is_read_as_the_declared_type(assignment, value):
    key = assignment.partition("=")[0]
    assert read(assignment) == {key: value}


def test_a_repeated_key_is_a_list():
    assert read("string_array=a", "string_array=b") == {"string_array": ["a", "b"]}


def test_a_file_gives_a_value(tmp_path):
    file = tmp_path / "value.json"
    file.write_text('{"a": 1}')
    assert read(f"json_value=@{file}") == {"json_value": {"a": 1}}
    assert read(f"string_value=@{file}") == {"string_value": '{"a": 1}'}


def test_a_document_gives_many_and_assignments_go_before_it(tmp_path):
    document = '{"string_value": "x", "double_value": 1, "int_array": []}'
    assert read("string_value=y", document=document) == {"string_value": "y", "double_value": 1.0, "int_array": []}
    file = tmp_path / "inputs.json"
    file.write_text(document)
    assert read(document=f"@{file}")["string_value"] == "x"


def test_without_a_declaration_values_are_what_they_look_like():
    guessed = read("a=1", "b=x", "c=[1, 2]", "d=true", integration=None)
    assert guessed == {"a": 1, "b": "x", "c": [1, 2], "d": True}


def test_all_faults_are_named_at_once():
    with pytest.raises(click.UsageError) as caught:
        read("int_value=x", "boolean_value=yes", "json_value={", "inner=1", "string_value=@nowhere", "int_value=x")
    named = [line.split("'")[1] for line in caught.value.message.splitlines()]
    assert named == ["int_value", "boolean_value", "json_value", "inner", "string_value"]


@pytest.mark.parametrize("assignment", ["novalue", "=x"])
def test_a_text_that_is_no_assignment_is_refused(assignment):
    with pytest.raises(click.UsageError):
        read(assignment)


@pytest.mark.parametrize("document", ["[1]", "{", "@nowhere", '{"a": 1, "a": 2}'])
def test_a_document_that_is_no_object_is_refused(document):
    with pytest.raises(click.UsageError):
        read(document=document)
