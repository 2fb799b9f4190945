"""From the text that somebody wrote to the HTML that the API sends, and the length that counts against the limit."""

import re
from collections.abc import Callable
from html import escape

LINK = r"https?://[^\s<>\"]+[^\s<>\"'.,;:!?)\]]"
TOKENS = re.compile(
    rf"(?P<link>{LINK})"
    r"|(?<![\w/@])@(?P<mention>[a-z0-9_]+)(?:@(?P<domain>[\w.:-]+\w))?"
    r"|(?<![\w/&#])\#(?P<tag>\w*[^\W\d_]\w*)",
    re.IGNORECASE,
)
CHARACTERS_PER_LINK = 23


def length(text: str, spoiler_text: str) -> int:
    """Code points that count: a link is 23, a mention counts without its domain, the content warning is added."""

    def counted(token: re.Match[str]) -> str:
        if token["link"]:
            return "x" * CHARACTERS_PER_LINK
        return f"@{token['mention']}" if token["mention"] else token[0]

    return len(TOKENS.sub(counted, text)) + len(spoiler_text)


def mentions(text: str) -> list[str]:
    """User names mentioned, each once, in order, without domains (this instance knows no other)."""
    return list(dict.fromkeys(token["mention"] for token in TOKENS.finditer(text) if token["mention"]))


def tags(text: str) -> list[str]:
    """Hashtags in lower case, each once, in order."""
    return list(dict.fromkeys(token["tag"].lower() for token in TOKENS.finditer(text) if token["tag"]))


def to_html(text: str, base_url: str, is_local: Callable[[str], bool]) -> str:
    """Mastodon's HTML: paragraphs, line breaks, links, hashtags, and mentions of people for whom `is_local` is true."""
    if not text.strip():
        return ""
    text = text.replace("\r\n", "\n").strip("\n")
    parts: list[str] = []
    at = 0
    for token in TOKENS.finditer(text):
        parts.append(escape(text[at : token.start()], quote=False))
        parts.append(_markup(token, base_url, is_local))
        at = token.end()
    parts.append(escape(text[at:], quote=False))
    paragraphs = re.split(r"\n{2,}", "".join(parts))
    return "".join(f"<p>{one.replace(chr(10), '<br />')}</p>" for one in paragraphs)


def to_plain_html(text: str) -> str:
    """Line breaks, and links to nothing: what is left of mentions and hashtags after an edit on snac 2.75."""
    return f"<p>{escape(text, quote=False).replace(chr(10), '<br />')}</p>"


def _markup(token: re.Match[str], base_url: str, is_local: Callable[[str], bool]) -> str:
    if token["link"]:
        scheme, rest = token["link"].split("://", 1)
        shown, hidden = escape(rest[:30]), escape(rest[30:])
        cut = "ellipsis" if hidden else ""
        return (
            f'<a href="{escape(token["link"])}" target="_blank" rel="nofollow noopener" translate="no">'
            f'<span class="invisible">{scheme}://</span><span class="{cut}">{shown}</span>'
            f'<span class="invisible">{hidden}</span></a>'
        )
    if token["tag"]:
        href = escape(f"{base_url}/tags/{token['tag'].lower()}")
        return f'<a href="{href}" class="mention hashtag" rel="tag">#<span>{escape(token["tag"])}</span></a>'
    if is_local(token["mention"]):
        name = escape(token["mention"])
        return (
            f'<span class="h-card" translate="no"><a href="{escape(base_url)}/@{name}" class="u-url mention">'
            f"@<span>{name}</span></a></span>"
        )
    return escape(token[0], quote=False)
