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


def test_other_keys_mark_nothing() -> None:
    keys = [".drain/", ".drain/abc", f"web-80/{ID}", f".drain/{ID}/x", f".drain/{ID}"]
    assert drain.marked(keys) == {ID}
