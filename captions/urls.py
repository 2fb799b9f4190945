from django.urls import URLPattern

app_name = "captions"
urlpatterns: list[URLPattern] = []
