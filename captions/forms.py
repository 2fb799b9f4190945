from django import forms
from django.utils.translation import gettext_lazy as _

from captions.actions import INSTRUCTION_MOST, NO_VERSION


class ApprovalForm(forms.Form):
    """The alt text with its language, and what was on the screen: the caption version and the post's last edit."""

    text = forms.CharField(label=_("Alt text"), required=False, strip=False, widget=forms.Textarea)
    seen = forms.IntegerField(min_value=NO_VERSION, widget=forms.HiddenInput)
    language = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)
    seen_edit = forms.CharField(required=False, empty_value=None, max_length=40, widget=forms.HiddenInput)

    def clean_seen_edit(self) -> str | None:
        """None where the page did not say; empty for a post that was never edited."""
        return (self.cleaned_data["seen_edit"] or "") if "seen_edit" in self.data else None


class NewDraftForm(forms.Form):
    """What a new draft is to be like: a wish that a button stands for, words, or both."""

    wish = forms.CharField(required=False, max_length=30)
    instruction = forms.CharField(required=False, max_length=INSTRUCTION_MOST)


class RejectionForm(forms.Form):
    reason = forms.CharField(
        label=_("Why?"),
        max_length=1000,
        help_text=_("Kept with the picture, for whoever asks later. The picture will not be drafted again."),
        widget=forms.TextInput(attrs={"list": "rejection-reasons", "autocomplete": "off"}),
    )
