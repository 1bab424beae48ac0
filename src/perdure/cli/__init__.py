"""The command line, one command a module of `perdure.cli.commands`."""
