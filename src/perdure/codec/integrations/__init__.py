"""Definitions of integrations: their faults, their content, and their form in the rules."""

from perdure.codec.integrations.content import canonical_bytes, revision_id
from perdure.codec.integrations.faults import find_faults
from perdure.codec.integrations.reading import read_integration, read_retention

__all__ = ["canonical_bytes", "find_faults", "read_integration", "read_retention", "revision_id"]
