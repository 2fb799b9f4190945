from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("captions", "0005_posts_know_replies_and_tags")]

    operations = [
        migrations.AddField(
            model_name="post",
            name="uri_digest",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddIndex(
            model_name="post",
            index=models.Index(fields=["platform_connection", "uri_digest"], name="ix_post_uri"),
        ),
    ]
