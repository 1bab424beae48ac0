"""Filters over executions, in the syntax of AIP-160: what lists, counts and watches are narrowed by."""
