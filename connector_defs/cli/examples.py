"""The examples under a command's help text."""


def examples(*lines: str) -> str:
    """An epilog with one example per line (a blank line between two keeps Typer from joining them)."""
    return "\n\n".join(("Examples:", *lines))
