from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("platforms", "0009_connection_counts_how_often_scans_were_forgotten")]

    operations = [
        migrations.AddIndex(
            model_name="platformconnection",
            index=models.Index(fields=["name", "id"], name="ix_platform_name"),
        ),
    ]
