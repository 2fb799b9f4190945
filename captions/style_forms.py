"""The shapes of a style guide and a glossary entry as people send them; `captions.house_style` decides."""

from django import forms
from django.utils.translation import gettext_lazy as _

from captions import language_codes
from captions.house_style import GUIDE, TERM
from captions.models import GlossaryEntry, StyleGuide
from vedfolnir.lib.text import clean_alt_text, clean_line

LONGEST_NOTES = 1000  # code points, as the prompt takes them
MOST_WORDS = 40
LONGEST_WORD = 80
LONGEST_LIST = 200  # of languages, as typed

_LANGUAGE = {"list": "languages", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class StyleGuideForm(forms.ModelForm[StyleGuide]):
    language = forms.CharField(
        label=_("Language"),
        max_length=60,
        required=False,
        help_text=_("Where a post does not say its own: a name such as German, or a code such as de or pt-br."),
        widget=forms.TextInput(attrs=_LANGUAGE),
    )
    also_in = forms.CharField(
        label=_("Also in these languages"),
        max_length=LONGEST_LIST,
        required=False,
        help_text=_("Each alt text is then written in these, too, one below the other: “de, en”. Three at most."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    class Meta:
        model = StyleGuide
        fields = GUIDE
        labels = {"wanted_length": _("Wanted length, in characters"), "notes": _("Anything else")}
        help_texts = {
            "tone": _("Such as “plain and friendly, no jokes”."),
            "wanted_length": _(
                "From 40 to 1500. Empty: as the task says, usually 80 to 200. Text in a picture may need more."
            ),
            "avoid": _(
                "A word or phrase a line. Drafts are asked to do without them. In English, German, French and Spanish "
                "simple endings (Katze, Katzen) are found too; write other forms on lines of their own."
            ),
            "notes": _("Such as “We write Fahrrad, not Rad. Name plants by their Latin names, too.”"),
        }
        widgets = {
            "wanted_length": forms.NumberInput(attrs={"min": 40, "max": 1500, "inputmode": "numeric"}),
            "avoid": forms.Textarea(attrs={"rows": 4}),
            "notes": forms.Textarea(attrs={"rows": 4, "maxlength": LONGEST_NOTES}),
        }

    def clean_language(self) -> str:
        typed: str = self.cleaned_data["language"]
        return _code(typed) if typed.strip() else ""

    def clean_also_in(self) -> str:
        typed = [part.strip() for part in self.cleaned_data["also_in"].replace(";", ",").split(",") if part.strip()]
        if len(typed) == 1 and not language_codes.read(typed[0]):
            typed = typed[0].split()  # "de en"
        codes = language_codes.different([_code(part) for part in typed])
        if len(codes) >= language_codes.MOST:
            raise forms.ValidationError(_("Name three languages at most: they share the room of one alt text."))
        return ", ".join(codes)

    def clean_tone(self) -> str:
        return clean_line(self.cleaned_data["tone"])

    def clean_avoid(self) -> str:
        words = [clean_line(line) for line in self.cleaned_data["avoid"].splitlines()]
        words = list(dict.fromkeys(word for word in words if word))
        if len(words) > MOST_WORDS:
            raise forms.ValidationError(
                _("These are %(count)d lines; %(most)d are the most that a prompt can hold."),
                params={"count": len(words), "most": MOST_WORDS},
            )
        if long := [word for word in words if len(word) > LONGEST_WORD]:
            raise forms.ValidationError(
                _("“%(word)s…” is longer than %(most)d characters. Put one word or phrase on each line."),
                params={"word": long[0][:30], "most": LONGEST_WORD},
            )
        return "\n".join(words)

    def clean_notes(self) -> str:
        notes = clean_alt_text(self.cleaned_data["notes"])
        if len(notes) > LONGEST_NOTES:
            raise forms.ValidationError(
                _("This has %(count)d characters; a prompt has room for %(most)d."),
                params={"count": len(notes), "most": LONGEST_NOTES},
            )
        return notes


class GlossaryForm(forms.ModelForm[GlossaryEntry]):
    class Meta:
        model = GlossaryEntry
        fields = TERM
        labels = {
            "kind": _("What it is"),
            "term": _("Name"),
            "instead_of": _("Not"),
            "has_consent": _("This person agreed to be named in alt texts"),
        }
        help_texts = {
            "term": _("As it is to be written."),
            "looks_like": _("What tells it from others in a picture: “brown dog with one white ear”."),
            "instead_of": _("What it is not to be called."),
            "has_consent": _(
                "For people only. Without it, the person is not named, and engines get “a person” for the name, "
                "unless the post says it."
            ),
        }

    def clean_term(self) -> str:
        term = clean_line(self.cleaned_data["term"])
        if not any(character.isalnum() for character in term):
            raise forms.ValidationError(_("Give a name."))
        return term

    def clean_looks_like(self) -> str:
        return clean_line(self.cleaned_data["looks_like"])

    def clean_instead_of(self) -> str:
        return clean_line(self.cleaned_data["instead_of"])

    def clean_has_consent(self) -> bool:
        """Of people alone: a thing has nothing to agree to."""
        return bool(self.cleaned_data["has_consent"]) and self.cleaned_data.get("kind") == GlossaryEntry.Kind.PERSON


def _code(typed: str) -> str:
    """The code of a language that was given by its code or name. Raises ValidationError."""
    code = language_codes.read(typed)
    if not code:
        raise forms.ValidationError(
            _("“%(typed)s” is no language that we know. Give its English name, or a code such as de or pt-br."),
            params={"typed": clean_line(typed, 40)},
        )
    return code
