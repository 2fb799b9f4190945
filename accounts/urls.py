"""The pages of one's account. Of allauth's views only these: a reset of the password by mail is not offered yet."""

from allauth.account import views as allauth_views
from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.account, name="account"),
    path("login/", views.SignInView.as_view(), name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("password/", allauth_views.password_change, name="account_change_password"),
    # allauth's sign-in page links here; the page says that an admin makes accounts.
    path("signup/", allauth_views.signup, name="account_signup"),
]
