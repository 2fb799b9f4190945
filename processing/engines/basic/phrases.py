"""The words of the basic engine, in the languages it has. Drafts are content, so these are not gettext's."""
# ruff: noqa: RUF001 - French apostrophes

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from processing.engines.basic.kinds import Kind

FALLBACK = "en"


@dataclass(frozen=True)
class Phrases:
    """How one language says what was found. The kinds take {colours}, {background} or {name}."""

    kinds: dict[Kind, str]
    grey_photo: str
    unread_text: str
    mainly: str
    on_background: Callable[[str], str]
    many_colours: str
    and_: str
    colours: dict[str, str]
    faces: Callable[[int], str]
    reads: str
    colon: str
    quotes: tuple[str, str]
    qr_link: str
    qr_text: str
    qr: str
    qr_spoilt: str
    barcode_text: str
    barcode: str
    frames: str
    posters: dict[str, str]

    def joined(self, names: Sequence[str]) -> str:
        """ "a", "a and b" or "a, b and c"."""
        return self.and_.join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _english_faces(count: int) -> str:
    numbers = ["", "one face", "two faces", "three faces", "four faces", "five faces"]
    return f", with {numbers[count] if count < len(numbers) else 'several faces'} visible"


def _german_faces(count: int) -> str:
    numbers = ["", "ein Gesicht", "zwei Gesichter", "drei Gesichter", "vier Gesichter", "fünf Gesichter"]
    return f"; {numbers[count] if count < len(numbers) else 'mehrere Gesichter'} zu sehen"


def _french_faces(count: int) -> str:
    numbers = ["", "un visage", "deux visages", "trois visages", "quatre visages", "cinq visages"]
    return f", avec {numbers[count] if count < len(numbers) else 'plusieurs visages'} visible{'s' if count > 1 else ''}"


_ENGLISH = Phrases(
    kinds={
        Kind.PHOTO: "A photo-like picture{colours}",
        Kind.CUT_OUT: "A picture{background}",
        Kind.SOFT: "Soft tones without clear edges{colours}",
        Kind.GRADIENT: "Colours that run into each other{colours}",
        Kind.SCREENSHOT: "What looks like a screenshot",
        Kind.CHART: "What looks like a chart or diagram",
        Kind.DIAGRAM: "What looks like a diagram",
        Kind.COMIC: "What looks like a comic",
        Kind.MEME: "What looks like a meme",
        Kind.DOCUMENT: "What looks like a page of text",
        Kind.TEXT: "Text{background}",
        Kind.LOGO: "What looks like a logo or symbol{colours}",
        Kind.GRAPHIC: "What looks like a drawing or graphic{colours}",
        Kind.DIVIDER: "A line{background}",
        Kind.BLANK: "An empty area of one colour: {name}",
    },
    grey_photo="A photo-like picture in black and white",
    unread_text="What looks like text that could not be read,{background}",
    mainly=", mainly {colours}",
    on_background=lambda colours: f" on a{'n' if colours.startswith('o') else ''} {colours} background",
    many_colours=" in many colours",
    and_=" and ",
    colours={},
    faces=_english_faces,
    reads="Text reads: {quotes}",
    colon=": ",
    quotes=("“", "”"),
    qr_link="Contains a QR code linking to {content}.",
    qr_text="Contains a QR code that says {content}.",
    qr="Contains a QR code.",
    qr_spoilt="It has the form of a QR code, but could not be read as one.",
    barcode_text="Contains a barcode that says {content}.",
    barcode="Contains a barcode.",
    frames="It is an animation with {count} frames; this is about the first one.",
    posters={"video": "It is one frame of a video.", "gifv": "It is one frame of an animation."},
)

_GERMAN = Phrases(
    kinds={
        Kind.PHOTO: "Ein fotoähnliches Bild{colours}",
        Kind.CUT_OUT: "Ein Bild{background}",
        Kind.SOFT: "Weiche Farbtöne ohne klare Kanten{colours}",
        Kind.GRADIENT: "Ein Farbverlauf{colours}",
        Kind.SCREENSHOT: "Vermutlich ein Bildschirmfoto",
        Kind.CHART: "Vermutlich ein Diagramm",
        Kind.DIAGRAM: "Vermutlich ein Schaubild",
        Kind.COMIC: "Vermutlich ein Comic",
        Kind.MEME: "Vermutlich ein Meme",
        Kind.DOCUMENT: "Vermutlich eine Textseite",
        Kind.TEXT: "Text{background}",
        Kind.LOGO: "Vermutlich ein Logo oder Symbol{colours}",
        Kind.GRAPHIC: "Vermutlich eine Zeichnung oder Grafik{colours}",
        Kind.DIVIDER: "Eine Linie{background}",
        Kind.BLANK: "Eine leere Fläche in einer Farbe: {name}",
    },
    grey_photo="Ein fotoähnliches Bild in Schwarz-Weiß",
    unread_text="Vermutlich Text, der nicht gelesen werden konnte,{background}",
    mainly=", überwiegend in {colours}",
    on_background=lambda colours: f" auf einem Hintergrund in {colours}",
    many_colours=" in vielen Farben",
    and_=" und ",
    colours={
        "black": "Schwarz",
        "dark grey": "Dunkelgrau",
        "grey": "Grau",
        "light grey": "Hellgrau",
        "white": "Weiß",
        "red": "Rot",
        "dark red": "Dunkelrot",
        "pink": "Rosa",
        "magenta": "Magenta",
        "purple": "Violett",
        "lavender": "Helllila",
        "dark blue": "Dunkelblau",
        "blue": "Blau",
        "light blue": "Hellblau",
        "turquoise": "Türkis",
        "dark green": "Dunkelgrün",
        "green": "Grün",
        "light green": "Hellgrün",
        "olive": "Oliv",
        "yellow": "Gelb",
        "orange": "Orange",
        "brown": "Braun",
        "tan": "Hellbraun",
        "beige": "Beige",
    },
    faces=_german_faces,
    reads="Zu lesen ist: {quotes}",
    colon=": ",
    quotes=("„", "“"),
    qr_link="Enthält einen QR-Code mit dem Link {content}.",
    qr_text="Enthält einen QR-Code mit dem Text {content}.",
    qr="Enthält einen QR-Code.",
    qr_spoilt="Die Form gleicht einem QR-Code, der sich aber nicht lesen ließ.",
    barcode_text="Enthält einen Strichcode mit dem Inhalt {content}.",
    barcode="Enthält einen Strichcode.",
    frames="Es ist eine Animation mit {count} Einzelbildern; beschrieben ist das erste.",
    posters={"video": "Es ist ein Einzelbild aus einem Video.", "gifv": "Es ist ein Einzelbild aus einer Animation."},
)

_FRENCH = Phrases(
    kinds={
        Kind.PHOTO: "Une image d’aspect photographique{colours}",
        Kind.CUT_OUT: "Une image{background}",
        Kind.SOFT: "Des tons doux, sans contours nets{colours}",
        Kind.GRADIENT: "Un dégradé{colours}",
        Kind.SCREENSHOT: "Probablement une capture d’écran",
        Kind.CHART: "Probablement un graphique ou un schéma",
        Kind.DIAGRAM: "Probablement un schéma",
        Kind.COMIC: "Probablement une bande dessinée",
        Kind.MEME: "Probablement un mème",
        Kind.DOCUMENT: "Probablement une page de texte",
        Kind.TEXT: "Du texte{background}",
        Kind.LOGO: "Probablement un logo ou un symbole{colours}",
        Kind.GRAPHIC: "Probablement un dessin ou une illustration{colours}",
        Kind.DIVIDER: "Une ligne{background}",
        Kind.BLANK: "Une surface vide d’une seule couleur : {name}",
    },
    grey_photo="Une image d’aspect photographique en noir et blanc",
    unread_text="Probablement du texte, qui n’a pas pu être lu,{background}",
    mainly=", couleurs dominantes : {colours}",
    on_background=lambda colours: f" sur fond {colours}",
    many_colours=" aux nombreuses couleurs",
    and_=" et ",
    colours={
        "black": "noir",
        "dark grey": "gris foncé",
        "grey": "gris",
        "light grey": "gris clair",
        "white": "blanc",
        "red": "rouge",
        "dark red": "rouge foncé",
        "pink": "rose",
        "magenta": "magenta",
        "purple": "violet",
        "lavender": "lavande",
        "dark blue": "bleu foncé",
        "blue": "bleu",
        "light blue": "bleu clair",
        "turquoise": "turquoise",
        "dark green": "vert foncé",
        "green": "vert",
        "light green": "vert clair",
        "olive": "olive",
        "yellow": "jaune",
        "orange": "orange",
        "brown": "brun",
        "tan": "brun clair",
        "beige": "beige",
    },
    faces=_french_faces,
    reads="On peut lire : {quotes}",
    colon=" : ",
    quotes=("« ", " »"),
    qr_link="Contient un code QR menant à {content}.",
    qr_text="Contient un code QR avec le texte {content}.",
    qr="Contient un code QR.",
    qr_spoilt="La forme est celle d’un code QR, mais il n’a pas pu être lu.",
    barcode_text="Contient un code-barres avec le contenu {content}.",
    barcode="Contient un code-barres.",
    frames="C’est une animation de {count} images ; ceci décrit la première.",
    posters={"video": "C’est une image tirée d’une vidéo.", "gifv": "C’est une image tirée d’une animation."},
)

_TABLES = {"en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH}


def phrases_for(language: str) -> tuple[str, Phrases]:
    """The language that the text will be in, and its phrases: the one asked for, or English."""
    base = language.lower().replace("_", "-").partition("-")[0]
    return (base, _TABLES[base]) if base in _TABLES else (FALLBACK, _ENGLISH)
