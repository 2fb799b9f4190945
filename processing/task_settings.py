"""How a task is to be done: what its `settings_json` holds, by the documented names."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from accounts.models import User
from platforms.models import PlatformConnection
from processing.models import CaptionGenerationTask, CaptionGenerationUserSettings


@dataclass(frozen=True)
class TaskSettings:
    max_posts_per_run: int = 50  # posts that lack alt text and have no draft yet
    max_caption_length: int = 500  # code points; the server's own limit counts as well
    optimal_min_length: int = 80
    optimal_max_length: int = 200
    reprocess_existing: bool = False  # draft again what the machine wrote and nobody decided
    everything: bool = False  # read the whole account, whatever earlier scans have read
    processing_delay: float = 1.0  # seconds between two pages of the account
    describe: bool = True  # False: look what there is, ask for no drafts

    @classmethod
    def chosen_by(cls, user: User, connection: PlatformConnection, **overrides: Any) -> Self:
        """What this person set for this connection, or the defaults; `overrides` that are None are left out."""
        stored = CaptionGenerationUserSettings.objects.filter(user=user, platform_connection=connection).first()
        given = {name: value for name, value in overrides.items() if value is not None}
        return cls(**{**(stored.as_dict() if stored else {}), **given})

    @classmethod
    def of(cls, task: CaptionGenerationTask) -> Self:
        return cls.from_json(task.settings_json)

    @classmethod
    def from_json(cls, text: str | None) -> Self:
        """Read `settings_json`; names that we do not know (an older or newer version's) are left aside."""
        stored = json.loads(text) if text else {}
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known and value is not None})

    def as_json(self) -> str:
        return json.dumps(asdict(self))
