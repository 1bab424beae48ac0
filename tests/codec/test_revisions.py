"""Revisions read back as the definition that was written."""

import pytest

from perdure.codec.record_parts import UnreadableRecord
from perdure.codec.revisions import decode_revision, encode_revision, revision_dialect
from perdure.internal.v1 import record_pb2
from perdure.v1.integration_pb2 import Integration
from perdure.v1.task_config_pb2 import TaskConfig


def test_a_revision_reads_back_as_its_definition_and_its_dialect():
    definition = Integration(
        name="projects/p/locations/local/integrations/i",
        tasks=[TaskConfig(task_id="a", task="handler", display_name="Does it")],
        labels={"b": "2", "a": "1"},
    )
    payload = encode_revision(definition, "cel-1")
    assert decode_revision(payload) == definition
    assert revision_dialect(payload) == "cel-1"


def test_a_revision_of_an_unknown_format_is_refused():
    payload = record_pb2.Revision(format=2).SerializeToString()
    with pytest.raises(UnreadableRecord, match="format 2"):
        decode_revision(payload)


@pytest.mark.parametrize(
    "payload", [b"\xff\xff", record_pb2.Revision(format=1, integration=b"\xff\xff").SerializeToString()]
)
def test_a_damaged_revision_is_refused(payload: bytes):
    with pytest.raises(UnreadableRecord, match="damaged"):
        decode_revision(payload)
