"""What can be deployed: a message."""

from __future__ import annotations

from perdure.v1.integration_pb2 import Integration

Deployable = Integration


def message_of(integration: Deployable) -> Integration:
    """Make the message to send."""
    message = Integration()
    message.CopyFrom(integration)
    return message
