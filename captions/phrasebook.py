"""The tell-tale phrases behind the checks, by language. A language without a book gets the checks that need none."""
# ruff: noqa: RUF001 - apostrophes as people and models write them

import re
from dataclasses import dataclass

_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True)
class Phrasebook:
    """Patterns to search in a text whose quotations are blanked out."""

    refusal: re.Pattern[str] = _NEVER
    talk: re.Pattern[str] = _NEVER
    opening: re.Pattern[str] = _NEVER
    hedge: re.Pattern[str] = _NEVER
    opinion: re.Pattern[str] = _NEVER
    identity: re.Pattern[str] = _NEVER


def _any_of(*alternatives: str, start: bool = False) -> re.Pattern[str]:
    """One pattern of whole words; with `start`, at the beginning of the text only."""
    before = r"^\W*" if start else r"(?<!\w)"
    return re.compile(rf"{before}(?:{'|'.join(alternatives)})(?!\w)", re.IGNORECASE)


# Whole texts that say nothing, case folded and without a full stop.
EMPTY = frozenset(
    """image|an image|photo|a photo|picture|a picture|graphic|screenshot|untitled|alt text|description|no description
    |image description|placeholder|todo|tbd|test|n/a|none|null|undefined|lorem ipsum|bild|ein bild|foto|ein foto
    |bildbeschreibung|kein alternativtext|une image|une photo|capture d'écran|imagen|una imagen|imagem""".replace(
        "\n", ""
    )
    .replace("    ", "")
    .split("|")
)

_ENGLISH = Phrasebook(
    refusal=_any_of(
        r"i(?: am|['’]m)? (?:unable|not able) to (?:see|view|describe|identify|help|process|analy[sz]e)",
        r"i (?:can(?:no|['’])t|can not|do(?: not|n['’]t) (?:have|see)) (?:see|view|describe|identify|help|process"
        r"|access|analy[sz]e|an? (?:image|picture)|any (?:image|picture)|the ability)",
        r"as an ai(?: language)?(?: model)?",
        r"no image (?:was|has been|is) (?:provided|attached|given|visible)",
        r"please (?:provide|upload|share|attach) (?:the|an?|your) (?:image|picture|photo)",
    ),
    talk=_any_of(
        r"^\W*(?:sure|certainly|of course|absolutely|okay|great)\b[,!. ]",
        r"here(?: is|['’]s) (?:the|an?|your|some|one)(?: \w+){0,3} (?:alt|alternative|caption|description|text)",
        r"^\W*(?:alt[ -]?text|caption|description)\s*:",
        r"let me know",
        r"i hope this helps",
        r"would you like(?: me)?",
        r"feel free to",
        r"(?:ignore|disregard) (?:all|any|the) (?:previous|above|prior)",
    ),
    opening=_any_of(
        r"(?:this|the|an?)?\s*(?:image|picture|photo|photograph|pic)s? (?:of|shows?|showing|depicts?|depicting"
        r"|features?|featuring|displays?|contains?|is of|captures?)",
        r"(?:this|the) (?:image|picture|photo|photograph)",
        r"in (?:this|the) (?:image|picture|photo|photograph)",
        start=True,
    ),
    hedge=_any_of(
        "maybe",
        "perhaps",
        "possibly",
        "probably",
        "presumably",
        "might be",
        "could be",
        "may be",
        "seems? to",
        "appears? to",
        "likely",
    ),
    opinion=_any_of(
        "beautiful(?:ly)?",
        "stunning(?:ly)?",
        "gorgeous",
        "breathtaking",
        "amazing",
        "lovely",
        "magnificent",
        "wonderful",
        "awesome",
        "captivating",
        "mesmeri[sz]ing",
        "charming",
        "adorable",
        "delicious-looking",
        "vibrant",
        "serene",
    ),
    identity=_any_of(
        r"(?:caucasian|asian|african(?:[ -]american)?|hispanic|latin[oax]|arab|indian|jewish"
        r"|middle[ -]eastern|black|white)"
        r" (?:man|men|woman|women|person|people|boy|girl|child|children|male|female|guy|lady|couple|family)",
        r"of (?:asian|african|european|arab|jewish|indian|hispanic) (?:descent|origin|ethnicity|heritage)",
        r"(?:christian|muslim|jewish|hindu|buddhist) (?:man|men|woman|women|person|people|boy|girl|family)",
        r"(?:autistic|mentally ill|disabled|crippled|handicapped) (?:man|woman|person|people|boy|girl|child)",
    ),
)

_GERMAN = Phrasebook(
    refusal=_any_of(
        r"ich kann (?:das|dieses|kein|leider|das bild|dieses bild)[^.]{0,40}(?:nicht|kein)",
        r"ich bin (?:leider )?nicht in der lage",
        r"als (?:ki|sprachmodell|künstliche intelligenz)",
        r"(?:es wurde )?kein bild (?:bereitgestellt|angehängt|übermittelt|vorhanden)",
    ),
    talk=_any_of(
        r"^\W*(?:gerne?|natürlich|selbstverständlich|klar)\b[,!. ]",
        r"hier ist (?:der|ein|eine|die)(?: \w+){0,2} (?:alternativtext|alt-text|beschreibung|bildbeschreibung)",
        r"^\W*(?:alternativtext|alt-text|bildbeschreibung|beschreibung)\s*:",
        r"lass(?:en sie)? (?:es )?mich wissen",
    ),
    opening=_any_of(
        r"(?:das|dieses|ein)\s+(?:bild|foto)\s+(?:zeigt|von|stellt|ist|enthält)",
        r"(?:bild|foto) (?:von|eine[rs]?|mit)",
        r"auf (?:dem|diesem) (?:bild|foto)",
        r"(?:das|dieses) (?:bild|foto)",
        start=True,
    ),
    hedge=_any_of(
        "vielleicht", "möglicherweise", "vermutlich", "wahrscheinlich", "eventuell", "anscheinend", "scheint"
    ),
    opinion=_any_of(
        r"wunderschön\w*", r"atemberaubend\w*", r"bezaubernd\w*", r"traumhaft\w*", r"herrlich\w*", r"malerisch\w*"
    ),
    identity=_any_of(
        r"(?:asiatisch|afrikanisch|kaukasisch|arabisch|jüdisch|muslimisch|christlich|südländisch|behindert|weiß|schwarz)e[rns]?"
        r" (?:mann|männer|frau|frauen|person|personen|junge|mädchen|kind|kinder|familie|paar)",
        r"(?:asiatischer|afrikanischer|europäischer|arabischer|jüdischer) (?:herkunft|abstammung)",
    ),
)

_FRENCH = Phrasebook(
    refusal=_any_of(
        r"je ne (?:peux|suis) pas (?:en mesure de |capable de )?(?:voir|décrire|identifier|analyser|aider)",
        r"en tant qu['’](?:ia|intelligence artificielle|assistant)",
        r"aucune image n['’](?:a été|est)",
    ),
    talk=_any_of(
        r"^\W*(?:bien sûr|certainement|voici (?:le|un|une|la))\b",
        r"^\W*(?:texte alternatif|description)\s*:",
        r"n['’]hésitez pas",
    ),
    opening=_any_of(
        r"(?:l['’]|cette |une )?(?:image|photo|photographie) (?:de|d['’]\w+|montre|représente|montrant|représentant)",
        r"(?:sur|dans) (?:l['’]|cette |la )(?:image|photo)",
        r"(?:l['’]|cette )image",
        start=True,
    ),
    hedge=_any_of("peut-être", "probablement", "sans doute", "semble", "paraît", "il se peut"),
    opinion=_any_of("magnifiques?", "superbes?", "sublimes?", "époustouflante?s?", "ravissante?s?", "splendides?"),
    identity=_any_of(
        r"(?:homme|hommes|femme|femmes|personne|personnes|garçon|fille|enfant|enfants|couple|famille)"
        r" (?:asiatique|africaine?|caucasiene?n?e?|arabe|juive?|musulmane?|chrétiene?n?e?|noire?|blanche?)s?",
        r"d['’]origine (?:asiatique|africaine|européenne|arabe|juive)",
    ),
)

_BOOKS = {"en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH}
_EMPTY_BOOK = Phrasebook()


def for_language(code: str) -> Phrasebook:
    """The book of a language ("pt-br" is looked up as "pt"); one that finds nothing where there is none."""
    return _BOOKS.get(code.replace("_", "-").partition("-")[0], _EMPTY_BOOK)
