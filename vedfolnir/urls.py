"""The addresses that others rely on: DESIGN section 6."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("processing.urls")),  # the dashboard, /tasks/, /publications/, /healthz, /health
    path("review/", include("captions.urls")),
    path("platforms/", include("platforms.urls")),
    path("style/", include("captions.style_urls")),
    path("account/", include("accounts.urls")),
    path("admin/", admin.site.urls),
]
