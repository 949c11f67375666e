"""What can go wrong in the lab, always as one sentence that says what to do about it."""


class LabError(Exception):
    """The lab cannot do what was asked; the text is for the person who asked."""
