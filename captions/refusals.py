"""Why a person's decision was not carried out. Nothing was changed then; the message says why, to that person."""

from collections.abc import Sequence

from captions import checks
from captions.models import CaptionVersion


class DecisionRefused(Exception):
    """Nothing was changed; the message says why, to the person who decided."""


class AlreadyDecided(DecisionRefused):
    """Somebody else was first, or a draft is being made."""


class TextChanged(DecisionRefused):
    """Another text than the one on the screen is the latest by now."""

    def __init__(self, message: str, latest: CaptionVersion | None) -> None:
        super().__init__(message)
        self.latest = latest


class PostChanged(DecisionRefused):
    """The author edited the post after it was on the screen."""


class TextRefused(DecisionRefused):
    """The text cannot be an alt text there: empty, or over the server's limit."""

    def __init__(self, findings: Sequence[checks.Finding]) -> None:
        super().__init__(" ".join(str(finding.message) for finding in findings))
        self.findings = findings


class InstructionRefused(DecisionRefused):
    """No engine can be asked that way: the instruction is too long, or too many drafts are wanted at once."""


class NotAllowed(DecisionRefused):
    """This person may not decide on this connection's pictures."""
