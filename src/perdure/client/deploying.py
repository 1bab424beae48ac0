"""What can be deployed: a message, an integration of an `App`, or a YAML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perdure.definition.yaml_loader import YamlError, load_integration
from perdure.v1.integration_pb2 import Integration

if TYPE_CHECKING:
    from typing import TypeAlias

    from perdure.definition.integrations import TracedIntegration

Deployable: TypeAlias = "Integration | TracedIntegration[..., Any] | str | os.PathLike[str]"


def message_of(integration: Deployable) -> Integration:
    """Make the message to send, a copy with a name.

    Args:
        integration: Text is the path of a YAML file. A file that names no integration means the one with the
            name of the file.

    Raises:
        DefinitionError: The function cannot be recorded, or the file is no definition; the message has the line.
        OSError: The file cannot be read.
    """
    message = Integration()
    if isinstance(integration, Integration):
        message.CopyFrom(integration)
    elif isinstance(integration, str | os.PathLike):
        path = Path(integration)
        message.CopyFrom(load_integration(_text_of(path), str(path)))
        message.name = message.name or path.stem
    else:
        message.CopyFrom(integration.definition)
        message.name = integration.id
    return message


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise YamlError([f"{path}: the file is not UTF-8 text: {error.reason} at byte {error.start}"]) from None
