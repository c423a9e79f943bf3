"""What somebody who means harm would try, played against the commands: a file a kind of attack.

A recipe, a model's folder, a server or a plug-in is theirs; the machine, its environment and the command line are the
user's. `docs/security.md` says what is protected, and names the file here that tries it.
"""
