"""Existing rows keep NULL: their servers are looked at before the next write."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("platforms", "0007_people_sign_in_at_their_servers")]

    operations = [
        migrations.AddField(
            model_name="platformconnection",
            name="detected_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="software seen"),
        ),
        migrations.AlterField(
            model_name="platformconnection",
            name="detected_at",
            field=models.DateTimeField(
                blank=True,
                default=django.utils.timezone.now,
                editable=False,
                null=True,
                verbose_name="software seen",
            ),
        ),
    ]
