"""The commands of `lengthwise`, one a file and thin: what it takes, a call into the room that does it, what it prints.

Read `options.py` (options that several commands share, and `spread`, which lets a command take a group of them), then
`output.py` (what they write), then any command; `methods/` has those that need no model, `synth/` those of
`lengthwise synth`. `rl.cli` puts them together.

A command may import any other room, but heavy ones within its function: `--help` is not to wait for torch. Only
`rl.cli` imports commands.
"""
