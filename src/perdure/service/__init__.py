"""The gRPC edge: from bytes to use cases and back."""
