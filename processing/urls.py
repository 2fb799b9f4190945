"""The dashboard, tasks, publications, and whether all is well."""

from django.urls import include, path

from processing import health_views, views

tasks = [
    path("", views.task_list, name="list"),
    path("start/", views.start, name="start"),
    path("retry/", views.retry_errors, name="retry_errors"),
    path("<str:pk>/", views.task_detail, name="detail"),
    path("<str:pk>/progress/", views.progress, name="progress"),
    path("<str:pk>/cancel/", views.cancel, name="cancel"),
    path("<str:pk>/requeue/", views.requeue, name="requeue"),
]

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("tasks/", include((tasks, "tasks"))),
    path("publications/", include("processing.publication_urls")),
    path("healthz", health_views.healthz, name="healthz"),
    path("health", health_views.health, name="health"),
]
