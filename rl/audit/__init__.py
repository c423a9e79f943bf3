"""What methods would do with rollouts that are there, before anything is trained: `lengthwise audit`.

`methods.py` says which there are (recipes, each stage by itself, settings swept) and which cannot be audited;
`sample.py` has the rollouts, as they would be under another cap; `applying.py` makes a method's advantages of them;
`measures.py` what is told of these, with intervals; `crossing.py` from which weight on wrong-and-short pays. `audit.py`
puts it together, `shown.py`, `page.py` and `folder.py` show it.

May import elsewhere, report, recipe, credit and what lies below them.
"""
