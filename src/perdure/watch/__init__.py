"""Watching executions: what has become durable, to everyone who wants to know, in order and without a gap."""
