"""Numbers that people and addresses name."""

LONGEST = 18  # digits; every such number fits into a bigint, and none of our tables will need more


def row_number(text: str) -> int | None:
    """The key of a row, as decimal digits; None for anything that no row can have as its key.

    A longer number is no error of ours: SQLite would raise OverflowError for it, and Python for thousands of digits.
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST else None
