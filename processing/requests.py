"""What an engine is asked about one picture: languages, context, house style and prompt, for each wanted text."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from django.conf import settings

from captions import checks, language_codes, phrasebook, prompting
from captions.actions import alt_text_limit
from captions.checks.names import unconsented
from captions.checks.people import without
from captions.languages import detect
from captions.models import GlossaryEntry, Image, PromptTemplate, StyleGuide
from processing.engines.base import EngineRequest, Examination, PostContext, Style, Template, Term
from processing.models import CaptionGenerationTask
from processing.preparation import PreparedImage
from processing.task_settings import TaskSettings

BETWEEN = 2  # code points between the texts of two languages
MOST_TERMS = 200  # of a glossary; the prompt takes as many as fit
_POSTERS = frozenset({Image.AttachmentType.GIFV.value, Image.AttachmentType.VIDEO.value})
_DECIDED = (Image.Status.APPROVED, Image.Status.POSTED)


def requests_for(image: Image, prepared: PreparedImage, examination: Examination | None = None) -> list[EngineRequest]:
    """One request for each language that the alt text is wanted in, the main one first. The prompts count as used.

    The texts of several languages share what the server takes. `image` comes with its post and connection.
    """
    guide = StyleGuide.objects.filter(platform_connection=image.platform_connection_id).first()
    whole = base_request(image, examination, guide)
    languages = _languages(image, whole.language, guide)
    each = (whole.max_length - BETWEEN * (len(languages) - 1)) // len(languages)
    return [
        replace(
            whole,
            language=language,
            max_length=max(each, 1),
            template=template_of(prompting.best_for(_kind(examination), language)),
        )
        for language in languages
    ]


def base_request(image: Image, examination: Examination | None, guide: StyleGuide | None) -> EngineRequest:
    """What is the same in every language, with the built-in words. `max_length` is for all of them together."""
    wishes = _wishes(image)
    language = language_of(image, guide, examination)
    nameless = partial(without, _nameless(image), instead=phrasebook.for_language(language).somebody)
    instruction = nameless(image.regenerate_instruction)
    return EngineRequest(
        language=language,
        max_length=min(wishes.max_caption_length, alt_text_limit(image.platform_connection)),
        wanted_length=_wanted_length(guide, wishes),
        context=_context(image, nameless),
        style=_style(image, guide, nameless),
        examined=examination,
        instruction=instruction,
        previous=nameless(image.text) if instruction else "",
        poster_of=image.attachment_type if image.attachment_type in _POSTERS else "",
    )


def template_of(prompt: PromptTemplate | None) -> Template | None:
    return Template(prompt.text, str(prompt), prompt.pk) if prompt else None


def language_of(image: Image, guide: StyleGuide | None, examination: Examination | None) -> str:
    """The main language: of a person's wish, the post, the account, the words of post and picture, the setting."""
    connection = image.platform_connection
    stated = (
        language_codes.asked_for(image.regenerate_instruction),
        language_codes.normal(image.post.language),
        language_codes.normal(guide.language) if guide else "",
        language_codes.normal(connection.language) if connection else "",
    )
    for language in stated:
        if language:
            return language
    seen = (examination.language or detect(examination.visible_text)) if examination else ""
    return detect(image.post.post_content or "") or seen or str(settings.CAPTION_LANGUAGE)


def _languages(image: Image, main: str, guide: StyleGuide | None) -> list[str]:
    """The main one and those of the style guide; the one alone that a person asked for by name."""
    also = guide.also_in if guide and not language_codes.asked_for(image.regenerate_instruction) else ""
    return language_codes.different([main, *language_codes.listed(also)])[: language_codes.MOST]


def _kind(examination: Examination | None) -> str:
    return examination.kind if examination else ""


def _wishes(image: Image) -> TaskSettings:
    """What the person who started the task wanted of the texts."""
    task = CaptionGenerationTask.objects.filter(pk=image.batch_id).only("settings_json").first()
    return TaskSettings.of(task) if task else TaskSettings()


def _wanted_length(guide: StyleGuide | None, wishes: TaskSettings) -> tuple[int, int]:
    if guide is not None and guide.wanted_length:
        return guide.wanted_length // 2, guide.wanted_length
    return wishes.optimal_min_length, wishes.optimal_max_length


def _nameless(image: Image) -> list[str]:
    """Names of the glossary's people without consent. What the post itself names may be said, and is in it anyway."""
    people = GlossaryEntry.objects.filter(
        platform_connection=image.platform_connection_id, kind=GlossaryEntry.Kind.PERSON, has_consent=False
    )
    terms = [checks.Term(term, is_person=True) for term in people.values_list("term", flat=True)]
    post = image.post
    around = checks.Around(
        post_text=post.post_content or "", content_warning=post.spoiler_text, tags=tuple(post.tags.split())
    )
    return unconsented(terms, around.posted)


def _context(image: Image, nameless: Callable[[str], str]) -> PostContext:
    """What stands around the picture: untrusted text, data and nothing else."""
    post = image.post
    return PostContext(
        text=post.post_content or "",
        content_warning=post.spoiler_text,
        tags=tuple(post.tags.split()),
        language=post.language,
        siblings=tuple(map(nameless, _siblings(image))),
    )


def _siblings(image: Image) -> tuple[str, ...]:
    """What readers hear of the post's other pictures: what was approved, or is on the server. No draft is."""
    others = Image.objects.filter(post=image.post_id, platform_connection=image.platform_connection_id)
    others = others.exclude(pk=image.pk).order_by("attachment_index", "pk")
    rows = others.values_list("status", "final_caption", "remote_alt_text")
    texts = ((final if status in _DECIDED else "") or remote or "" for status, final, remote in rows)
    return tuple(text for text in texts if text.strip())


def _style(image: Image, guide: StyleGuide | None, nameless: Callable[[str], str]) -> Style:
    entries = GlossaryEntry.objects.filter(platform_connection=image.platform_connection_id).order_by("pk")[:MOST_TERMS]
    terms = tuple(
        Term(
            nameless(entry.term),
            nameless(entry.looks_like),
            nameless(entry.instead_of),
            is_person=entry.kind == GlossaryEntry.Kind.PERSON,
        )
        for entry in entries
        if entry.kind != GlossaryEntry.Kind.PERSON or entry.has_consent  # the others' names leave no engine's way
    )
    if guide is None:
        return Style(glossary=terms)
    lines = map(str.strip, guide.avoid.splitlines())
    avoid = tuple(line for line in lines if line and line == nameless(line))  # no name is sent, not even to be avoided
    return Style(tone=nameless(guide.tone), avoid=avoid, notes=nameless(guide.notes), glossary=terms)
