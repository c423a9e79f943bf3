import json

import pytest
from counting import operations

from rewards import History


def test_state_survives_json_and_is_independent_of_its_source() -> None:
    history = History()
    history.put("hapo", "p", {"length": 7.0, "count": 2})
    copy = History()
    copy.load_state_dict(json.loads(json.dumps(history.state_dict())))
    history.put("hapo", "p", {"length": 1.0, "count": 3})
    assert copy.get("hapo", "p") == {"length": 7.0, "count": 2}
    assert copy.size() == 1


def test_methods_do_not_see_each_other() -> None:
    history = History()
    history.put("hapo", "p", {"length": 7.0})
    assert history.get("other", "p") is None


def test_a_state_is_that_of_its_moment_and_costs_no_python_a_problem() -> None:
    def cost(problems: int) -> int:
        history = History()
        for number in range(problems):
            history.put("hapo", str(number), {"length": 7.0, "count": 2})
        state = history.state_dict()
        history.put("hapo", "0", {"length": 1.0, "count": 3})
        assert state["hapo"]["0"] == {"length": 7.0, "count": 2}
        later = History()
        return operations(history.state_dict) + operations(lambda: later.load_state_dict(state))

    assert cost(1000) == cost(10)


def test_who_reads_an_entry_cannot_change_it() -> None:
    history = History()
    history.put("hapo", "p", {"length": 7.0})
    with pytest.raises(TypeError):
        history.get("hapo", "p")["length"] = 1.0  # type: ignore[index]
