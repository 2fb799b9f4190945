from django.urls import path

from processing import publication_views as views

app_name = "publications"
urlpatterns = [
    path("", views.publication_list, name="list"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/retry/", views.retry, name="retry"),
    path("<int:pk>/undo/", views.undo, name="undo"),
]
