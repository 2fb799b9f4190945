from django.apps import AppConfig


class VedfolnirConfig(AppConfig):
    """The project itself as an app: base templates, static files, system checks."""

    name = "vedfolnir"
    verbose_name = "Vedfolnir"

    def ready(self) -> None:
        from vedfolnir import checks  # noqa: F401  (registers the system checks)
