from django.urls import path

from platforms import oauth_views, views

app_name = "platforms"
urlpatterns = [
    path("", views.connections, name="list"),
    path("connect/", views.connect, name="connect"),
    path("oauth/<int:pk>/", oauth_views.authorize, name="authorize"),
    path("oauth/return", oauth_views.oauth_return, name="oauth_return"),
    path("<int:pk>/sign-in/", oauth_views.sign_in_again, name="sign_in_again"),
    path("switch/", views.switch, name="switch"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/test/", views.test, name="test"),
    path("<int:pk>/remove/", views.remove, name="remove"),
    path("<int:pk>/rescan/", views.rescan, name="rescan"),
    path("<int:pk>/options/", views.options, name="options"),
    path("<int:pk>/attention/", views.clear_attention, name="clear_attention"),
    path("<int:pk>/members/", views.add_member, name="add_member"),
    path("<int:pk>/members/<int:member>/remove/", views.remove_member, name="remove_member"),
]
