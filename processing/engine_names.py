"""The names of the caption engines, for those who only name them: importing the engines themselves is slow."""

AUTO = "auto"
NAMES = ("basic", "ollama", "openai", "transformers")  # a test holds it equal to what processing.engines can build
KNOWN = ", ".join((AUTO, *NAMES))


def parse_chain(text: str) -> list[str]:
    """The engines that "auto" or "ollama,basic" names, each once. Raises ValueError, which lists the known names."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise ValueError(f"No caption engine is named. Known are: {KNOWN}.")
    for name in names:
        if name not in (AUTO, *NAMES):
            raise ValueError(f"There is no caption engine “{name}”. Known are: {KNOWN}.")
    if AUTO in names and len(names) > 1:
        raise ValueError(f"“{AUTO}” chooses by itself, so it stands alone. Known are: {KNOWN}.")
    return names
