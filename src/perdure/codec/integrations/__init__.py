"""Definitions of integrations: their faults, their content, and their form in the rules."""

from perdure.codec.integrations.content import canonical_bytes, revision_id
from perdure.codec.integrations.faults import find_faults
from perdure.codec.integrations.reading import read_integration

__all__ = ["canonical_bytes", "find_faults", "read_integration", "revision_id"]
