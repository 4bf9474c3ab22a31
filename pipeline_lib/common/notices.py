"""What a user should know while something runs, and scripts should not read: lines on the standard error stream."""

import sys


def notice(line: str) -> None:
    """Say it, as errors are said (``trialign: ...``)."""
    print(f"trialign: {line}", file=sys.stderr)
