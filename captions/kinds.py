"""The kinds of picture. The values are stored in `images.image_category`, and choose the prompt and the checks."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    PHOTO = "photo", _("Photo")
    SCREENSHOT = "screenshot", _("Screenshot")
    TEXT = "text", _("Text on a background")  # a card, a slide, a quotation
    DOCUMENT = "document", _("Page of a document")
    CHART = "chart", _("Chart")
    DIAGRAM = "diagram", _("Diagram")
    MAP = "map", _("Map")
    DRAWING = "drawing", _("Drawing or painting")
    COMIC = "comic", _("Comic")
    MEME = "meme", _("Meme")
    LOGO = "logo", _("Logo or symbol")
    DECORATIVE = "decorative", _("Decoration")  # nothing that a reader would miss: a line, a blank, a texture
    OTHER = "other", _("Something else")  # nobody could tell


# Pictures that are there for the words in them: leaving those out leaves the point out.
READ_WHOLE = frozenset({Kind.TEXT, Kind.MEME, Kind.COMIC, Kind.SCREENSHOT})
# Pictures whose many small labels nobody wants to hear: the title, the axes and the point are enough.
READ_GIST = frozenset({Kind.CHART, Kind.DIAGRAM, Kind.MAP, Kind.DOCUMENT})
