from django.urls import path

from captions import style_views as views

app_name = "style"
urlpatterns = [
    path("<int:pk>/", views.guide, name="guide"),
    path("<int:pk>/terms/", views.add_term, name="add_term"),
    path("<int:pk>/terms/<int:entry>/", views.edit_term, name="edit_term"),
    path("<int:pk>/terms/<int:entry>/remove/", views.remove_term, name="remove_term"),
]
