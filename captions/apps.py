from django.apps import AppConfig


class CaptionsConfig(AppConfig):
    name = "captions"

    def ready(self) -> None:
        from captions.style_views import style_panel
        from platforms import panels

        panels.register(style_panel)
