"""The shapes of what people send; `platforms.actions` decides."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Role
from platforms.actions import LONGEST_NAME, MEMBER_ROLES
from platforms.models import PlatformConnection


class ConnectForm(forms.Form):
    instance_url = forms.CharField(
        label=_("Server"),
        max_length=500,
        help_text=_("The address of your server, such as mastodon.example."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "url"}),
    )
    token = forms.CharField(
        label=_("Access token"),
        max_length=1000,
        help_text=_(
            "On Mastodon: Preferences, Development, New application, with the permissions read:accounts, "
            "read:statuses and write:statuses. It is stored encrypted and never shown again."
        ),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    name = forms.CharField(label=_("Name"), max_length=LONGEST_NAME, help_text=_("What you call this connection here."))


class OptionsForm(forms.ModelForm[PlatformConnection]):
    class Meta:
        model = PlatformConnection
        fields = ("include_private", "include_direct", "ignore_opt_out")
        labels = {
            "include_private": _("Include posts for followers only"),
            "include_direct": _("Include direct messages"),
            "ignore_opt_out": _("Include posts tagged #noai, #nobot, #nollm or #noalttext"),
        }
        help_texts = {
            "include_private": _("Their pictures are then shown to the engine and to everybody who reviews here."),
            "include_direct": _("The people you wrote to expect them to stay between you."),
        }


class MemberForm(forms.Form):
    """Who joins: looked up by user name, so that no list of people is needed."""

    username = forms.CharField(label=_("User name"), max_length=64)
    role = forms.ChoiceField(label=_("May"), choices=[(role.value, role.label) for role in MEMBER_ROLES])

    def clean_username(self) -> User:
        user = User.objects.filter(
            username_key=self.cleaned_data["username"].lower(), is_active=True, is_approved=True
        ).first()
        if user is None:
            raise forms.ValidationError(_("Nobody here has this user name."))
        return user

    @property
    def member(self) -> tuple[User, Role]:
        """The person and their role, once the form is valid."""
        return self.cleaned_data["username"], Role(self.cleaned_data["role"])
