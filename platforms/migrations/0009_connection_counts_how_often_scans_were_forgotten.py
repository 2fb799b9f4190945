from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("platforms", "0008_connection_knows_when_its_software_was_seen")]

    operations = [
        migrations.AddField(
            model_name="platformconnection",
            name="scans_forgotten",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
