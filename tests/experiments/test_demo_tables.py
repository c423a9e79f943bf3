"""The diary's tables of demo runs."""

from experiments.demo_tables import HEAD, with_rows

START, END = "<!-- demo-methods: written by experiments/demo_tables.py -->", "<!-- end of demo-methods -->"


def test_rows_take_the_place_of_their_recipe_and_seed_and_leave_the_others() -> None:
    diary = "\n".join(["before", START, HEAD, "| demo-b | 0 | old |", "| demo-c | 0 | kept |", END, "after"])
    expected = ["| demo-a | 0 | new |", "| demo-b | 0 | new |", "| demo-b | 1 | new |", "| demo-c | 0 | kept |"]
    rows = with_rows(diary, "methods", ["| demo-b | 1 | new |", "| demo-b | 0 | new |", "| demo-a | 0 | new |"])
    assert rows == "\n".join(["before", START, HEAD, *expected, END, "after"])
