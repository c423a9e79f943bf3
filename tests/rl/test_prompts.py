from hypothesis import given
from hypothesis import strategies as st

from rl.prompts import Known

prompts = st.text(max_size=3) | st.lists(
    st.fixed_dictionaries({"role": st.just("user"), "content": st.text(max_size=2)})
)


@given(st.lists(st.lists(prompts, max_size=6), max_size=6), st.integers(0, 12))
def test_what_is_known_is_bounded_and_changes_no_ids(calls: list[list[object]], most: int) -> None:
    known = Known(most)

    def encode(new: list[object]) -> list[list[int]]:
        assert len({repr(prompt) for prompt in new}) == len(new)
        return [[len(repr(prompt))] * 3 for prompt in new]

    for call in calls:
        assert known.of(call, encode) == [[len(repr(prompt))] * 3 for prompt in call]
        assert sum(map(len, known._ids.values())) == known._tokens <= most
