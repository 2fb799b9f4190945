"""Posts, their images, every text that an image ever had, how texts are asked for, and what is to be written back."""

from captions.models.fingerprint import Fingerprint
from captions.models.image import Image, ImageQuerySet
from captions.models.post import Post, PostQuerySet
from captions.models.prompt import PromptInUse, PromptTemplate
from captions.models.publication import Publication, PublicationQuerySet
from captions.models.style import GlossaryEntry, StyleGuide
from captions.models.version import CaptionVersion

__all__ = [
    "CaptionVersion",
    "Fingerprint",
    "GlossaryEntry",
    "Image",
    "ImageQuerySet",
    "Post",
    "PostQuerySet",
    "PromptInUse",
    "PromptTemplate",
    "Publication",
    "PublicationQuerySet",
    "StyleGuide",
]
