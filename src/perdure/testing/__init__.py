"""Tools to test integrations with, and to test Perdure itself: public, and kept as stable as the rest.

- `clock.FakeClock` and `chance.ScriptedChance`: time and chance in the hands of a test.
- `server.local_server`: a whole server in the process of the test.
- `handlers.Scripted`: handlers that fail as told.
- `proxy.Proxy`: a network that breaks as told.
- `calls.RecordedCalls`, `recorder.Recorder` and `checker.check`: record what callers see, then hold it against
  every invariant.
"""
