from django.apps import AppConfig


class ProcessingConfig(AppConfig):
    name = "processing"

    def ready(self) -> None:
        from platforms import panels
        from processing.publication_views import stopped_panel, undoable_panel
        from vedfolnir.celery import app

        app.set_default()  # what the web and the commands ring with, too
        panels.register(stopped_panel)
        panels.register(undoable_panel)
