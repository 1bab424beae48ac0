"""The commands; each module has one, named `command`, and is imported when it is used."""
