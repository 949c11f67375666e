"""Yes and no, as people write them."""

_YES = frozenset({"1", "t", "true", "y", "yes", "on"})
_NO = frozenset({"", "0", "f", "false", "n", "no", "off"})


def flag(text: str) -> bool:
    """Return what *text* says; nothing is a no.

    Raises:
        ValueError: neither yes nor no; what is wrong, as the end of a sentence.
    """
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError("is neither true nor false")
