"""The engine: use cases, the active set, effects, timers and recovery."""
