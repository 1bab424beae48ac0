"""Where executions are kept: the interface, its errors, and one package for each backend."""
