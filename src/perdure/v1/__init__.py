"""The contract: messages, enums and gRPC stubs, generated from protos/perdure/v1."""
