"""The client for scripts and threads: the methods of the asynchronous one, which block."""
