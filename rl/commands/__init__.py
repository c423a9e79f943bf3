"""The `lengthwise` command, one file a subcommand: options in, a call of the room that does it, lines and JSON out.

A command is thin. It checks what only a command line can get wrong, and imports what it needs when it is called,
so that `--help` comes at once.
"""
