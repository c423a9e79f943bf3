"""The page of a report: one file that loads nothing from elsewhere.

`figures.py` makes a comparison's charts as data (`charts.py`), `settings.py` and `examples.py` its tables and problems;
`page.py` puts them together for the script beside it, `document.py` into one document.

May import the rest of report, but for `report/folder.py`, which writes the page.
"""
