"""The worker's side of the worker protocol, and everything around user code that performs tasks."""
