"""Posts, their images, every text that an image ever had, and what is to be written back."""

from captions.models.image import Image, ImageQuerySet
from captions.models.post import Post, PostQuerySet
from captions.models.publication import Publication, PublicationQuerySet
from captions.models.version import CaptionVersion

__all__ = ["CaptionVersion", "Image", "ImageQuerySet", "Post", "PostQuerySet", "Publication", "PublicationQuerySet"]
