"""The shapes of what people send; `platforms.actions` decides."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Ability, Role
from platforms.actions import LONGEST_NAME, MEMBER_ROLES
from platforms.models import PlatformConnection, PlatformMember
from platforms.wanted import OPTIONS, is_tag, tag_list

MOST_DAYS = 36_500
LONGEST_TAGS = 500  # characters, the columns' length


class ConnectForm(forms.Form):
    instance_url = forms.CharField(
        label=_("Server"),
        max_length=500,
        help_text=_("The address of your server, such as mastodon.example."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "url"}),
    )
    token = forms.CharField(
        label=_("Access token"),
        max_length=4096,
        required=False,
        help_text=_(
            "From the settings of your server. On Mastodon: Preferences, Development, New application, with the "
            "permissions read:accounts, read:statuses and write:statuses; what other software needs stands in "
            "docs/platforms.md. It is stored encrypted and never shown again. Without one, you sign in on your server "
            "and allow it there."
        ),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    name = forms.CharField(label=_("Name"), max_length=LONGEST_NAME, help_text=_("What you call this connection here."))


class OptionsForm(forms.ModelForm[PlatformConnection]):
    class Meta:
        model = PlatformConnection
        fields = OPTIONS
        labels = {
            "include_unlisted": _("Include quiet public (unlisted) posts"),
            "include_replies": _("Include replies to other people"),
            "include_private": _("Include posts for followers only"),
            "include_direct": _("Include direct messages"),
            "ignore_opt_out": _("Include posts tagged #noai, #nobot, #nollm or #noalttext"),
            "oldest_days": _("Only posts of the last … days"),
            "only_tags": _("Only posts with one of these hashtags"),
            "opt_out_tags": _("Never posts with one of these hashtags"),
        }
        help_texts = {
            "include_replies": _("Posts that go on with a thread of your own are taken in any case."),
            "oldest_days": _("Empty: posts of any age."),
            "only_tags": _("Such as “photography birds”. Empty: posts with any hashtags or none."),
            "opt_out_tags": _("They are neither described nor written to."),
            "include_private": _("Their pictures are then shown to the engine and to everybody who reviews here."),
            "include_direct": _("The people you wrote to expect them to stay between you."),
        }

    def clean_only_tags(self) -> str:
        return self._tags("only_tags")

    def clean_opt_out_tags(self) -> str:
        return self._tags("opt_out_tags")

    def clean_oldest_days(self) -> int | None:
        days: int | None = self.cleaned_data["oldest_days"]
        if days is not None and not 0 < days <= MOST_DAYS:
            raise forms.ValidationError(_("Give a number of days from 1 to 36500, or leave it empty."))
        return days

    def _tags(self, field: str) -> str:
        """As they are stored: plain, in order, separated by spaces."""
        tags = sorted(tag_list(self.cleaned_data[field]))
        if odd := [tag for tag in tags if not is_tag(tag)]:
            raise forms.ValidationError(
                _("“%(tag)s” is no hashtag: it consists of letters, digits and underscores."), params={"tag": odd[0]}
            )
        text = " ".join(tags)
        if len(text) > LONGEST_TAGS:  # the plain form of some letters is longer
            raise forms.ValidationError(_("These are too many hashtags. Name fewer of them."))
        return text


class MemberForm(forms.Form):
    """Who joins: looked up by user name or email address, so that no list of people is shown."""

    username = forms.CharField(label=_("User name"), max_length=120)
    role = forms.ChoiceField(label=_("Role here"), choices=[(role.value, role.label) for role in MEMBER_ROLES])

    def clean_username(self) -> User:
        user = User.objects.by_login(self.cleaned_data["username"])
        if user is None or not user.can(Ability.READ):
            raise forms.ValidationError(_("Nobody here has this user name."))
        return user

    @property
    def member(self) -> tuple[User, Role]:
        """The person and their role, once the form is valid."""
        return self.cleaned_data["username"], Role(self.cleaned_data["role"])


class MembershipForm(forms.ModelForm[PlatformMember]):
    """The admin's form: the same rules, with the person picked."""

    role = forms.ChoiceField(label=_("Role here"), choices=[(role.value, role.label) for role in MEMBER_ROLES])

    class Meta:
        model = PlatformMember
        fields = ("platform_connection", "user", "role")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        connection, user = cleaned.get("platform_connection"), cleaned.get("user")
        if connection and user and connection.user_id == user.pk:
            raise forms.ValidationError(_("That is the owner of the connection already."))
        return cleaned
