import pytest

from services import drain

ID = "0123456789abcdef" * 4


def test_a_mark_is_read_back() -> None:
    assert drain.parse(drain.key_of(ID)) == ID
    assert drain.key_of(ID) == f".drain/{ID}"


@pytest.mark.parametrize("container", ["", "abc", ID[:-1], ID + "0", "../" + ID[3:], ID.upper()])
def test_only_a_full_id_is_marked(container: str) -> None:
    with pytest.raises(ValueError, match="full ID"):
        drain.key_of(container)


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("0", 0), ("1m", 60), ("99h", 60)])
def test_a_container_may_ask_for_a_minute_at_most(text: str, seconds: float) -> None:
    assert drain.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "soon", "-5s", "x" * 1_000_000])
def test_what_is_no_time_to_drain_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|less than nothing"):
        drain.seconds_of(text)


def test_other_keys_mark_nothing() -> None:
    keys = [".drain/", ".drain/abc", f"web-80/{ID}", f".drain/{ID}/x", f".drain/{ID}"]
    assert drain.marked(keys) == {ID}
