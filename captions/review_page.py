"""What the review page shows of one image. Reading only; views and templates stay thin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import User
from captions import actions, checks, review_texts
from captions.forms import RejectionForm
from captions.kinds import Kind
from captions.models import CaptionVersion, Image, Post, Publication
from platforms.clients.writing import why_no_poll
from platforms.speaking import capabilities_for


@dataclass(frozen=True)
class Typed:
    """What a reviewer typed and could not save, so that nothing of it is lost."""

    text: str | None = None
    refusal: str = ""
    findings: Sequence[checks.Finding] = ()
    other_text: str | None = None  # what somebody else, or a new draft, has put there meanwhile
    rejection: RejectionForm | None = None
    language: str = ""  # of the text, where it is not that of the draft
    instruction: str = ""  # for a new draft
    kept_since: int | None = None  # the latest version when it was typed, where it comes from the session


@dataclass(frozen=True)
class Note:
    """A finding as the page shows it."""

    severity: str
    message: str
    detail: str = ""  # the concrete thing, a sentence
    quoted: str = ""  # the part of the text that it is about


@dataclass(frozen=True)
class ReviewPage:
    image: Image
    user: User
    may_decide: bool
    is_held: bool  # by this reviewer
    typed: Typed = field(default_factory=Typed)
    chosen: CaptionVersion | None = None  # a text that was picked instead of the latest

    def context(self) -> dict[str, Any]:
        image = self.image
        texts = review_texts.texts_of(image)
        latest = review_texts.latest(texts)
        text = self._text()
        return {
            "image": image,
            "post": image.post,
            "connection": image.platform_connection,
            "visibility": dict(Post.Visibility.choices).get(image.post.visibility, image.post.visibility),
            "other_pictures": image.post.images.exclude(pk=image.pk).order_by("attachment_index"),
            "text_origin": self._origin(review_texts.latest(texts, CaptionVersion.Kind.GENERATED)),
            "original_url": _web_address(image.image_url) or _web_address(image.preview_url),
            "notes": self._notes(latest),
            "text": text,
            "saved_text": image.text if self.typed.text is not None else text,
            "draft_came": self._draft_came(texts),
            "text_language": self._language() or image.language or image.post.language,
            "chosen_language": self._language(),
            "limit": actions.alt_text_limit(image.platform_connection),
            "length": len(text),
            "seen": latest.pk if latest else actions.NO_VERSION,
            "typed": self.typed,
            "rejection": self.typed.rejection or RejectionForm(),
            "may_decide": self.may_decide,
            "is_decidable": image.is_decidable,
            "in_error": self.in_error,
            "is_held": self.is_held,
            "what_follows": what_follows(image),
            "is_drafting": image.status == Image.Status.PENDING and image.captioned_at is None,
            "kind": dict(Kind.choices).get(image.image_category or "", ""),
            "text_html": self._text_html(texts),
            **self._beside(texts, text),
            **self._outcome(latest),
        }

    def _text(self) -> str:
        if self.typed.text is not None:
            return self.typed.text
        return self.chosen.text if self.chosen else self.image.text

    def _draft_came(self, texts: Sequence[CaptionVersion]) -> bool:
        """Whether a draft that was asked for came after the words that were kept."""
        made = (CaptionVersion.Kind.GENERATED, CaptionVersion.Kind.CANDIDATE)
        since = self.typed.kept_since
        return since is not None and any(one.pk > since and one.kind in made for one in texts)

    def _text_html(self, texts: Sequence[CaptionVersion]) -> SafeString:
        """The best text so far, by languages as far as they were noted when it was made."""
        text = self.image.text
        noted = next((version for version in texts if version.text == text), None)
        version = noted or CaptionVersion(text=text, language=self.image.language)
        return review_texts.as_html(review_texts.passages(version, [(text, False)]))

    def _language(self) -> str:
        """Of the text in the box, where it is known not to be the draft."""
        return self.typed.language or (self.chosen.language if self.chosen else "")

    def _origin(self, generated: CaptionVersion | None) -> str:
        if self.chosen is not None and self.typed.text is None:
            return _("You took this text from below. Nothing is approved yet.")
        return self._reviewed_before() or (review_texts.origin(generated) if generated else "") or self._no_draft()

    def _beside(self, texts: Sequence[CaptionVersion], text: str) -> dict[str, Any]:
        """The other texts to choose from, and what can be asked for."""
        deciding = self.image.is_decidable and self.is_held
        candidates = review_texts.candidates(texts, text) if deciding else []
        return {
            "candidates": candidates,
            "history": review_texts.history(texts, text, candidates),
            "history_is_news": deciding and review_texts.has_new_draft(texts),
            "lookalikes": review_texts.lookalikes(self.image) if deciding else [],
            "asked_languages": review_texts.languages_to_ask_for(self.image) if deciding else [],
            "instruction": self.typed.instruction or self.image.regenerate_instruction,
            "instruction_most": actions.INSTRUCTION_MOST,
        }

    @property
    def in_error(self) -> bool:
        return self.image.status == Image.Status.ERROR

    def _reviewed_before(self) -> str:
        if not (self.image.is_decidable and self.image.reviewed_caption):
            return ""
        return _("A person reviewed this text before.")

    def _no_draft(self) -> str:
        if not self.in_error or self.image.text:
            return ""
        return _("There is no draft: describe the picture yourself, or have a draft tried again.")

    def _notes(self, latest: CaptionVersion | None) -> list[Note]:
        """What the checks say about the text in the box: stored for a draft, fresh for what was typed."""
        if self.typed.text is not None:
            return list(
                _fresh(self.typed.text, self.typed.findings or actions.findings_for(self.image, self.typed.text))
            )
        shown = self.chosen or latest
        if shown is not None and shown.score is not None and shown.text == self._text():
            return list(_stored(shown))
        text = self._text()
        return list(_fresh(text, actions.findings_for(self.image, text))) if text else []

    def _outcome(self, latest: CaptionVersion | None) -> dict[str, Any]:
        """What became of a decided image, whose latest text is `latest`."""
        if self.image.status not in {Image.Status.APPROVED, Image.Status.POSTED}:
            return {"publication": None, "may_reopen": self.may_decide and self.image.is_decorative}
        is_posted = self.image.status == Image.Status.POSTED
        is_undone = not is_posted and latest is not None and latest.kind == CaptionVersion.Kind.UNDONE
        publication = self._publication(wrote_it=is_posted or is_undone)
        waiting = publication is not None and publication.status == Publication.Status.WAITING
        return {
            "publication": publication,
            "is_undone": is_undone,
            "waiting_for": Image.objects.holding_back().filter(post=self.image.post).count() if waiting else 0,
            "may_publish_now": waiting and self.may_decide,
            "may_reopen": self.may_decide and not is_posted,
            "why_by_hand": "" if is_posted else why_by_hand(self.image),
        }

    def _publication(self, *, wrote_it: bool) -> Publication | None:
        """The latest publication of the post; with `wrote_it` the latest one that wrote this image's text."""
        latest_first = self.image.post.publications.order_by("-pk").defer("before", "base", "after")
        if not wrote_it:
            return latest_first.first()
        return next((each for each in latest_first if self.image.remote_id in (each.texts or {})), None)


def why_by_hand(image: Image) -> str:
    """Why nothing is ever written to this post, so that the text is there to be copied; empty if it is written."""
    if image.platform_connection is None:
        return _("The connection of this picture was removed.")
    capabilities = capabilities_for(image.platform_connection)
    if not capabilities.can_write:
        return capabilities.reason
    return why_no_poll(capabilities.way) if image.post.has_poll else ""


def what_follows(image: Image) -> str:
    """How an approved text reaches the post, and who gets to know of it; why it does not where it is copied by hand."""
    if (reason := why_by_hand(image)) or image.platform_connection is None:
        return reason
    return " ".join(capabilities_for(image.platform_connection).notes)


def _web_address(url: str) -> str:
    """An address that a server gave, if it is one to link to; empty otherwise."""
    return url if url.startswith(("https://", "http://")) else ""


def _stored(version: CaptionVersion) -> Iterable[Note]:
    """Findings as they were recorded, in the words and the language of today."""
    for finding in version.findings:
        _severity, message = checks.FINDINGS.get(finding["code"], ("", finding["message"]))
        yield _note(finding["severity"], str(message), finding.get("detail", ""), version.text, finding.get("span"))


def _fresh(text: str, findings: Sequence[checks.Finding]) -> Iterable[Note]:
    for finding in findings:
        yield _note(finding.severity, str(finding.message), finding.detail, text, finding.span)


def _note(severity: str, message: str, detail: str, text: str, span: Sequence[int] | None) -> Note:
    quoted = _quoted(text, span)
    return Note(severity, message, detail, "" if quoted and quoted in detail else quoted)


def _quoted(text: str, span: Sequence[int] | None) -> str:
    """The place that a finding is about, if it is short enough to quote."""
    if span is None:
        return ""
    start, end = span
    return text[start:end] if 2 <= end - start <= 60 else ""
