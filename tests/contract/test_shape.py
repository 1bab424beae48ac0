"""The contract has the shape that its users may rely on: names, pages, annotations, enums."""

from google.api import field_behavior_pb2, resource_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
)

from perdure.v1 import error_reason_pb2, execution_pb2, value_pb2

METHODS = {
    "ExecutionService": [
        "Execute",
        "GetExecution",
        "ListExecutions",
        "CountExecutions",
        "WatchExecution",
        "WatchExecutions",
        "WaitExecution",
        "CancelExecution",
        "PauseExecution",
        "ResumeExecution",
        "StepExecution",
        "UpdateExecution",
        "ReplayExecution",
        "ResolveRollback",
        "ExplainExecution",
        "DeleteExecution",
        "ExportExecution",
        "ListExecutionEvents",
        "SummarizeExecutionEvents",
        "ListExecutionSteps",
        "ListExecutionSnapshots",
        "GetExecutionSnapshot",
        "CompareExecutionSnapshots",
    ],
    "IntegrationService": [
        "CreateIntegration",
        "GetIntegration",
        "ListIntegrations",
        "UpdateIntegration",
        "DeleteIntegration",
        "ListIntegrationRevisions",
        "GetIntegrationRevision",
        "RenderIntegration",
    ],
    "ServerService": ["GetServerInfo"],
    "SuspensionService": [
        "ListSuspensions",
        "GetSuspension",
        "LiftSuspension",
        "ResolveSuspension",
        "SignalExecution",
    ],
    "WorkerService": ["Work"],
}
FILE_OPTIONS = (
    "csharp_namespace",
    "go_package",
    "java_multiple_files",
    "java_outer_classname",
    "java_package",
    "php_namespace",
    "ruby_package",
)
BARE_ENUMS = {
    "perdure.v1.Execution.ExecutionMethod",
    "perdure.v1.ExecutionDetails.State",
    "perdure.v1.TaskExecutionDetails.TaskExecutionState",
}


def behaviour(field: FieldDescriptor) -> set[int]:
    return set(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def prefix(enum: EnumDescriptor) -> str:
    words = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in enum.name)
    return words.removeprefix("_") + "_"


def test_the_services_have_exactly_the_methods_whose_behaviour_exists(files: list[FileDescriptor]):
    found = {
        service.name: [method.name for method in service.methods]
        for file in files
        for service in file.services_by_name.values()
    }
    assert found == METHODS


def test_a_file_has_at_most_one_service(files: list[FileDescriptor]):
    assert [file.name for file in files if len(file.services_by_name) > 1] == []
    assert all(file.services_by_name for file in files if file.name.endswith("_service.proto"))


def test_every_file_says_how_other_languages_call_it(files: list[FileDescriptor]):
    missing = [(f.name, option) for f in files for option in FILE_OPTIONS if not getattr(f.GetOptions(), option)]
    assert missing == []


def test_only_reads_and_the_session_stream(methods: list[MethodDescriptor]):
    streams = {method.name: (method.client_streaming, method.server_streaming) for method in methods}
    streaming = {name for name, kind in streams.items() if kind != (False, False)}
    assert streaming == {"WatchExecution", "WatchExecutions", "ExportExecution", "Work"}
    assert streams["WatchExecution"] == streams["WatchExecutions"] == (False, True)
    assert streams["Work"] == (True, True)


def test_every_list_is_paged_and_says_on_which_store_revision_it_began(methods: list[MethodDescriptor]):
    lists = [method for method in methods if method.name.startswith("List")]
    assert len(lists) == 7
    for method in lists:
        request, response = method.input_type.fields_by_name, method.output_type.fields_by_name
        assert request["page_size"].type == FieldDescriptor.TYPE_INT32, method.name
        assert request["page_token"].type == FieldDescriptor.TYPE_STRING, method.name
        assert response["next_page_token"].type == FieldDescriptor.TYPE_STRING, method.name
        assert response["store_revision"].type == FieldDescriptor.TYPE_INT64, method.name
        assert [f.name for f in method.output_type.fields if f.is_repeated] == [method.output_type.fields[0].name]


def test_names_and_parents_in_requests_are_required_and_typed(methods: list[MethodDescriptor]):
    for method in methods:
        for name in {"name", "parent"} & set(method.input_type.fields_by_name):
            field = method.input_type.fields_by_name[name]
            assert behaviour(field) == {field_behavior_pb2.REQUIRED}, field.full_name
            assert field.GetOptions().HasExtension(resource_pb2.resource_reference), field.full_name


def test_every_field_outside_of_a_oneof_says_who_sets_it(messages: list[Descriptor]):
    def alone(field: FieldDescriptor) -> bool:
        # An `optional` field is in a oneof of its own, which protoc names after it.
        return field.containing_oneof is None or field.containing_oneof.name == f"_{field.name}"

    assert [f.full_name for m in messages for f in m.fields if alone(f) and not behaviour(f)] == []


def test_resources_have_a_name_and_a_pattern(messages: list[Descriptor]):
    resources = {m.name: m for m in messages if m.GetOptions().HasExtension(resource_pb2.resource)}
    assert set(resources) == {"Execution", "ExecutionSnapshot", "Integration", "IntegrationRevision", "Suspension"}
    for message in resources.values():
        declared = message.GetOptions().Extensions[resource_pb2.resource]
        assert declared.type == f"perdure/{message.name}"
        assert declared.pattern[0].startswith("projects/{project}/locations/{location}/integrations/{integration}")
        assert behaviour(message.fields_by_name["name"]) == {field_behavior_pb2.IDENTIFIER}


def test_every_resource_and_answer_carries_the_store_revision(messages: list[Descriptor]):
    carrying = {m.name for m in messages if "store_revision" in m.fields_by_name}
    assert {"Execution", "Integration", "IntegrationRevision", "ExecutionEvent", "WatchResponse"} <= carrying
    assert "ExecuteResponse" in carrying


def test_values_are_never_free_structures(messages: list[Descriptor]):
    used = {field.message_type.full_name for m in messages for field in m.fields if field.message_type}
    assert not {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.Any"} & used


def test_instants_are_timestamps_and_lengths_are_durations(messages: list[Descriptor]):
    for message in messages:
        for field in message.fields:
            kind = field.message_type.full_name if field.message_type else ""
            if field.name.endswith("_time") or field.name == "deadline":
                assert kind == "google.protobuf.Timestamp", field.full_name
            if field.name.endswith(("_timeout", "_interval", "_ttl", "_grace")) or field.name == "duration":
                assert kind == "google.protobuf.Duration", field.full_name


def test_the_error_reason_is_the_one_enum_outside_of_messages_and_is_bare(files: list[FileDescriptor]):
    assert [enum for file in files for enum in file.enum_types_by_name] == ["ErrorReason"]
    names = error_reason_pb2.ErrorReason.keys()
    assert names[0] == "ERROR_REASON_UNSPECIFIED"
    assert [name for name in names[1:] if name.startswith("ERROR_REASON")] == []


def test_enums_begin_unspecified_and_only_the_mirrored_ones_are_bare(enums: list[EnumDescriptor]):
    for enum in enums:
        assert enum.values[0].name == prefix(enum) + "UNSPECIFIED", enum.full_name
        assert enum.values[0].number == 0, enum.full_name
    bare = {e.full_name for e in enums if not all(value.name.startswith(prefix(e)) for value in e.values)}
    assert bare == BARE_ENUMS


def test_a_message_has_at_most_one_bare_enum(messages: list[Descriptor]):
    for message in messages:
        assert len([enum for enum in message.enum_types if enum.full_name in BARE_ENUMS]) <= 1, message.full_name


def test_the_numbers_of_the_next_kinds_of_value_are_reserved():
    declared = descriptor_pb2.DescriptorProto()
    value_pb2.ValueType.DESCRIPTOR.CopyToProto(declared)
    assert [(r.start, r.end) for r in declared.reserved_range] == [(10, 16)]
    assert sorted(field.number for field in declared.field) == list(range(1, 10))


def test_the_hot_fields_of_an_execution_have_one_byte_tags():
    fields = execution_pb2.Execution.DESCRIPTOR.fields_by_name
    hot = ("name", "execution_details", "create_time", "update_time", "store_revision")
    assert all(fields[name].number < 16 for name in hot)
