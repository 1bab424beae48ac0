"""Prints what an execution has come to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from perdure.cli.output import print_facts, print_json
from perdure.cli.text import safe
from perdure.client.values import all_to_python
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.v1.error_pb2 import Error
    from perdure.v1.execution_pb2 import Execution


def print_outputs(execution: str, outputs: Mapping[str, object], output: str) -> None:
    """Print the outputs of an execution that succeeded."""
    if output == "json":
        print_json({"execution": execution, "outputs": dict(outputs)})
        return
    print_facts([("execution", execution), *((key, value_text(value)) for key, value in sorted(outputs.items()))])


def print_unsuccessful(execution: str, state: str, code: str, message: str, output: str) -> None:
    """Print to stdout which execution failed or was cancelled; why is part of the JSON alone."""
    if output == "json":
        print_json({"execution": execution, "state": state, "error": {"code": code, "message": message}})
        return
    print_facts([("execution", execution), ("state", state)])


def print_error(error: Error) -> None:
    """Print to stderr why an execution failed or was cancelled."""
    click.echo(f"error: {safe(error.message) or error.code}", err=True)
    click.echo(f"  reason: {safe(error.code)}", err=True)
    if error.context:
        click.echo(f"  context: {safe(error.context)}", err=True)


def print_end(ended: Execution, output: str) -> None:
    """Print how an execution that was followed has ended: its outputs, or why it has none."""
    if output == "table":
        click.echo()
    if ended.HasField("error"):
        state = ExecutionDetails.State.Name(ended.execution_details.state)
        print_unsuccessful(ended.name, state, ended.error.code, ended.error.message, output)
        print_error(ended.error)
        return
    print_outputs(ended.name, all_to_python(ended.response_parameters), output)


def value_text(value: object) -> str:
    """Write a value: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
