from django.db import models
from django.utils.translation import gettext_lazy as _

from captions.models.image import Image
from platforms.models import PlatformConnection


class Fingerprint(models.Model):
    """What a picture with an approved text is recognised by; the text itself stays with the image.

    `band_0` to `band_3` are the 16-bit parts of the perceptual hash, from its first digit on: two hashes that differ in
    at most three bits agree in one of them.
    """

    image = models.OneToOneField(Image, on_delete=models.CASCADE, related_name="fingerprint")
    platform_connection = models.ForeignKey(
        PlatformConnection, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    content_hash = models.CharField(max_length=64)
    perceptual_hash = models.CharField(max_length=16)
    band_0 = models.PositiveIntegerField()
    band_1 = models.PositiveIntegerField()
    band_2 = models.PositiveIntegerField()
    band_3 = models.PositiveIntegerField()

    class Meta:
        db_table = "image_fingerprints"
        verbose_name = _("fingerprint")
        indexes = [
            models.Index(fields=["platform_connection", "content_hash"], name="ix_fingerprint_content"),
            *(
                models.Index(fields=["platform_connection", band, "perceptual_hash"], name=f"ix_fingerprint_{band}")
                for band in ("band_0", "band_1", "band_2", "band_3")
            ),
        ]

    def __str__(self) -> str:
        return f"fingerprint of image {self.image_id}"
