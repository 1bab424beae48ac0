"""The server's side of the worker protocol: sessions, credits, leases."""
