"""The rules, pure: states, events, commands and what follows from what."""
