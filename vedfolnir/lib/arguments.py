"""Types for the arguments of commands (argparse)."""

from argparse import ArgumentTypeError

MOST = 65535


def port(text: str) -> int:
    """A port to listen on, 1 to 65535. Raises ArgumentTypeError."""
    return _port(text, least=1)


def port_or_any(text: str) -> int:
    """A port to listen on, or 0 for one that is free. Raises ArgumentTypeError."""
    return _port(text, least=0)


def _port(text: str, *, least: int) -> int:
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= MOST:
        raise ArgumentTypeError(f"{text!r} is not a port. Use a number from {least} to {MOST}.")
    return int(text)
