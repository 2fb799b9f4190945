"""What every platform client takes and returns: frozen data, never models; and its two exceptions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self

from platforms.clients.profile import Way


class PlatformError(Exception):
    """`reason` is a sentence for the person who looks after the connection."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PlatformUnavailable(PlatformError):
    """Again later; `retry_after` is the server's own wish in seconds, if it said so."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class NotSent(PlatformUnavailable):
    """The request did not go out, so that nothing can have come of it."""


class PlatformRefused(PlatformError):
    """A person must look: trying again changes nothing."""


class CredentialsRefused(PlatformRefused):
    """The token is wrong, revoked or expired: the connection needs a new one."""


class StatusGone(PlatformRefused):
    """The post is not there (any more)."""


@dataclass(frozen=True)
class Account:
    id: str
    username: str  # without the host
    url: str
    display_name: str = ""
    language: str = ""  # that the account posts in by its own settings, as the server writes it; empty if it does not


@dataclass(frozen=True)
class Instance:
    """Which software a server runs, and its limits."""

    software: str  # as nodeinfo names it, lower case: "mastodon", "pixelfed", …; "" when it does not say
    version: str
    title: str = ""
    alt_text_limit: int | None = None  # code points
    max_characters: int | None = None


@dataclass(frozen=True)
class Attachment:
    id: str
    type: str  # image, gifv, video, audio, unknown
    url: str
    preview_url: str = ""
    description: str | None = None
    focus: str | None = None  # "x,y" as the edit call takes it
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Status:
    """A post as the server shows it to its author."""

    id: str
    uri: str
    url: str
    account_id: str
    created_at: str  # ISO 8601, as sent
    edited_at: str  # the same; "" when never edited
    visibility: str
    sensitive: bool
    spoiler_text: str
    language: str | None
    content: str  # HTML
    in_reply_to_id: str | None = None
    in_reply_to_account_id: str | None = None
    is_reblog: bool = False
    poll: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()  # names, lower case, without "#"
    mentions: tuple[str, ...] = ()  # acct
    attachments: tuple[Attachment, ...] = ()
    quote_approval: Mapping[str, Any] | None = None
    interaction_policy: Mapping[str, Any] | None = None  # GoToSocial: who may like, reply and boost
    quoted_id: str | None = None  # the post that this one quotes; "" where it quotes one that is not named (yet)
    emojis: tuple[str, ...] = ()  # short codes of the server's own emojis that are shown
    local_only: bool | None = None  # GoToSocial, glitch-soc, Hometown: never sent to other servers


@dataclass(frozen=True)
class UnreadableStatus:
    """A post of a list that is not as documented. `reason` is a sentence; `id` and `url` are empty when odd too."""

    id: str
    url: str
    reason: str


@dataclass(frozen=True)
class StatusSource:
    """The text as its author typed it."""

    text: str
    spoiler_text: str
    content_type: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """Everything that an edit must not change, read in one go."""

    status: Status
    source: StatusSource

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        raw = dict(data["status"])
        raw["attachments"] = tuple(Attachment(**attachment) for attachment in raw["attachments"])
        raw |= {name: tuple(raw.get(name, ())) for name in ("tags", "mentions", "emojis")}
        return cls(Status(**raw), StatusSource(**data["source"]))


@dataclass(frozen=True)
class PastVersion:
    """One entry of a post's edit history, as the server keeps it."""

    created_at: str  # ISO 8601, as sent: when the post became so; equals `edited_at` of that moment
    content: str  # HTML
    spoiler_text: str
    sensitive: bool
    alt_texts: Mapping[str, str | None]  # by attachment id, in the order of the post


# Called before each request that may change something; may return a moment (of `vedfolnir.lib.clock`), after which
# nothing of the request may be sent any more.
BeforeEach = Callable[[], float | None]


def nothing() -> None:
    """What is done before each request when nobody asks for anything."""


@dataclass(frozen=True)
class Capabilities:
    """What may be done on this server, and if not, why: shown to people and asked before any write."""

    can_write: bool
    reason: str = ""  # a sentence, when not
    way: Way = Way.NONE
    federates: bool = False  # whether other servers get to know a changed alt text
    notifies: bool = False  # whether an edit notifies anybody
    scopes: tuple[str, ...] = field(default=("read:accounts", "read:statuses"))  # the least, for OAuth
    alt_text_limit: int | None = None  # code points; None where the server sets none that we know
    notes: tuple[str, ...] = ()  # sentences for people: how it is written, who gets to know of it


class PlatformClient(Protocol):
    """One account on one server. Every method raises PlatformUnavailable or PlatformRefused."""

    capabilities: Capabilities

    def verify(self) -> Account:
        """Who the token speaks for. Raises CredentialsRefused when it speaks for nobody."""

    def statuses(self, account_id: str, *, max_id: str | None = None) -> Iterator[Status | UnreadableStatus]:
        """The account's own posts, newest first, each once, without boosts; pages are fetched as one goes on.

        A post that cannot be read stands in its place as an UnreadableStatus, and the walk goes on.
        `max_id` goes on below that post: for a walk that a PlatformUnavailable interrupted.
        """

    def snapshot(self, status_id: str) -> Snapshot:
        """The post and its source as they are now. Raises StatusGone."""

    def require_writable(self, before: Snapshot, texts: Mapping[str, str] | None = None) -> None:
        """Raise PlatformRefused, with a sentence for a person, where this post cannot be written without a loss.

        With `texts` (by attachment id) also where the server would not keep one of them as it is written: too long for
        it, or taken for HTML. `write_alt_texts` asks the same before it sends anything.
        """

    def history(self, status_id: str) -> Sequence[PastVersion] | None:
        """Every version of the post, oldest first, the present one last; None where the server keeps none."""

    def write_alt_texts(self, before: Snapshot, texts: Mapping[str, str], *, before_each: BeforeEach = nothing) -> None:
        """Give attachments (by id) their alt texts and keep everything else of `before`.

        At most one edit of the post. Where `capabilities.way` is MEDIA it is one request for each picture whose text is
        not there yet, so a failure may leave some of them written: the same call with a newer snapshot goes on.

        An empty text takes an alt text away (the server then says null).

        `before_each` is called right before every request that may change something, when nothing else is left to be
        waited for, and its moment is looked at once more before bytes go out (NotSent): so a worker whose time is
        over sends nothing more. Whatever it raises goes through.

        Raises PlatformRefused without having sent anything where the family or the post does not allow it. Any other
        failure may come after the edit was done (an answer that got lost): take a snapshot and look.
        """

    def same_text(self, written: str, shown: str | None) -> bool:
        """Whether the server shows (`shown`) the alt text that was `written`, as this family keeps texts.

        Only what the family is known to do is forgiven: blanks at the ends, on Pixelfed also `&amp;` for `&`. The same
        holds for a text that was read from the server, as an undo writes it.
        """

    def close(self) -> None:
        """Let go of the network."""
