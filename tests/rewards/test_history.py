import json

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
