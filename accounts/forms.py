from typing import Any

from allauth.account.forms import LoginForm
from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import actions
from accounts.models import User
from accounts.roles import Role


class SignInForm(LoginForm):  # type: ignore[misc]
    """allauth's form, saying what goes into its first field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("User name or email address")
        self.fields["login"].widget = forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        )
        self.fields["password"].widget.attrs.pop("placeholder", None)
        self.fields["password"].help_text = _("Forgotten? Ask an admin of this installation for a new one.")


class NewPersonForm(forms.ModelForm[User]):
    """A new account as the admin makes it; `accounts.actions.create_user` creates it."""

    new_password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("No mail is sent: hand it over yourself, and ask for it to be changed."),
    )

    class Meta:
        model = User
        fields = ("username", "email", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = " ".join(str(text) for text in password_validators_help_texts())
        password = self.fields["new_password"]
        password.help_text = f"{password.help_text} {rules}"

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # ModelForm's own hook: now the instance has the name and address
        if password := self.cleaned_data.get("new_password"):
            try:
                validate_password(password, self.instance)
            except ValidationError as error:
                self.add_error("new_password", error)


class PersonForm(forms.ModelForm[User]):
    """An existing account; role and sign-in are changed by `accounts.actions`."""

    class Meta:
        model = User
        fields = ("username", "email", "role", "is_active")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        stays_admin = cleaned.get("role") == Role.ADMIN and cleaned.get("is_active")
        if not stays_admin and actions.is_last_admin(self.instance):
            raise ValidationError(actions.LAST_ADMIN)
        return cleaned


class OtherPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # not generic at run time
    """An admin sets somebody's password: through the action, so that it is audited and ends their sessions."""

    def __init__(self, user: User, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.actor = actor

    def save(self, commit: bool = True) -> User:
        user: User = self.user
        actions.set_password(user, self.cleaned_data["new_password1"], actor=self.actor)
        return user
