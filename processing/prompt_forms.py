"""The shape of a prompt as staff write it; `captions.prompting` decides."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from captions import language_codes, prompting
from captions.kinds import Kind
from captions.models import PromptTemplate
from captions.prompting import LONGEST_NAME
from processing.engines.prompts import VARIABLES, unknown_variables
from vedfolnir.lib.text import clean_alt_text, clean_line

LONGEST_TEXT = 4000  # code points
WORDS = ("name", "category", "language", "text")
_NAMES = ", ".join(f"{{{name}}}" for name in VARIABLES)


class PromptForm(forms.ModelForm[PromptTemplate]):
    category = forms.ChoiceField(label=_("Kind of picture"), choices=[("", _("Any")), *Kind.choices], required=False)
    opened = forms.CharField(widget=forms.HiddenInput, required=False)  # the words that the edit started from

    class Meta:
        model = PromptTemplate
        fields = WORDS
        help_texts = {
            "name": _("It stands on every draft, with the number of the version."),
            "language": _("Of the texts to be written: a name or a code such as de. Empty: any."),
            "text": _(
                "What the engine is to do. {language}, {max_length} and {kind} are filled in. The post, the text in "
                "the picture, the style guide, the rule about people and the wanted length are added behind it by "
                "themselves."
            ),
        }
        widgets = {"text": forms.Textarea(attrs={"rows": 12, "cols": 90, "maxlength": LONGEST_TEXT})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["opened"] = prompting.digest(self.instance)

    def words(self) -> dict[str, str]:
        """What is stored."""
        return {name: self.cleaned_data[name] for name in WORDS}

    def clean_opened(self) -> str:
        """Refuses words that were typed over others than are stored now, once: sent again, they take their place."""
        opened: str = self.cleaned_data["opened"]
        stored = PromptTemplate.objects.select_for_update().filter(pk=self.instance.pk).first()
        if stored is None or opened in ("", prompting.digest(stored)):
            return opened
        self.data = {**self.data, self.add_prefix("opened"): prompting.digest(stored)}
        self.add_error(
            None,
            forms.ValidationError(
                _(
                    "Somebody changed this prompt while you worked on it. What you typed is below, nothing of it is "
                    "saved. It reads now (%(name)s, %(category)s, %(language)s): %(text)s — Save again to put your "
                    "words in its place, or give yours another name."
                ),
                params={
                    "name": stored.name,
                    "category": dict(Kind.choices).get(stored.category, _("any kind")),
                    "language": stored.language or _("any language"),
                    "text": stored.text,
                },
            ),
        )
        return opened

    def clean_name(self) -> str:
        name = clean_line(self.cleaned_data["name"])
        if len(name) > LONGEST_NAME or "/" in name:
            raise forms.ValidationError(
                _("Use at most %(most)d characters, and no slash."), params={"most": LONGEST_NAME}
            )
        return name

    def clean_language(self) -> str:
        typed: str = self.cleaned_data["language"]
        code = language_codes.read(typed)
        if typed.strip() and not code:
            raise forms.ValidationError(_("That is no language that we know. Give a name or a code such as de."))
        return code

    def clean_text(self) -> str:
        text = clean_alt_text(self.cleaned_data["text"])
        if len(text) > LONGEST_TEXT:
            raise forms.ValidationError(
                _("This has %(count)d characters; %(most)d are the most."),
                params={"count": len(text), "most": LONGEST_TEXT},
            )
        if unknown := unknown_variables(text):
            raise forms.ValidationError(
                _("Nothing would be filled in for {%(name)s}. There are %(names)s; write other braces with blanks."),
                params={"name": unknown[0], "names": _NAMES},
            )
        return text


class PreviewForm(forms.Form):
    """Which pictures a prompt is tried on."""

    images = forms.CharField(label=_("Numbers of pictures, one to five"), max_length=100, required=False)

    def clean_images(self) -> list[int]:
        typed = self.cleaned_data["images"].replace(",", " ").split()
        numbers = [int(part) for part in typed if part.isascii() and part.isdigit() and len(part) <= 18]
        if len(numbers) != len(typed):
            raise forms.ValidationError(_("Give the numbers of pictures, such as 12, 15."))
        return list(dict.fromkeys(numbers))
