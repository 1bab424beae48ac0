"""Private messages, generated from protos/perdure/internal/v1."""
