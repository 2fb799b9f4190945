"""What a reviewer typed and has not saved, kept in their session until it is saved, or taken away by them."""

from django.contrib.sessions.backends.base import SessionBase

KEY = "unsaved_words"
TEXT_MOST = 10_000  # code points; what is longer stays on the page alone
PICTURES_MOST = 5  # the latest


def keep(session: SessionBase, image_id: int, text: str, language: str, seen: int) -> bool:
    """Keep the words for this picture; `seen` is the latest version on the page. False if they are too many."""
    forget(session, image_id)
    if len(text) > TEXT_MOST:
        return False
    kept = session.get(KEY, {}) | {str(image_id): {"text": text, "language": language, "seen": seen}}
    session[KEY] = dict(list(kept.items())[-PICTURES_MOST:])
    return True


def words(session: SessionBase, image_id: int) -> tuple[str, str, int] | None:
    """The text, its language where that is not the draft's, and the latest version that was on the page."""
    kept = session.get(KEY, {}).get(str(image_id))
    return (kept["text"], kept["language"], kept["seen"]) if kept else None


def forget(session: SessionBase, image_id: int) -> None:
    """They are saved, or not wanted any more."""
    if words(session, image_id) is not None:
        session[KEY] = {key: value for key, value in session[KEY].items() if key != str(image_id)}
