"""SQLite as the store of one server."""
