"""Prompts for staff: versions, which one is in use, and a page to try one on pictures."""

from typing import Any

from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import staff
from captions import prompting
from captions.models import PromptTemplate
from processing import prompt_previews
from processing.prompt_forms import PreviewForm, PromptForm
from processing.prompt_previews import PreviewRefused
from vedfolnir.admin import BoundedAdmin
from vedfolnir.lib.numbers import row_number

SALT = "processing.prompt_admin"
LASTS = 3600  # seconds that texts of earlier tries go along with the form


@admin.register(PromptTemplate)
class PromptTemplateAdmin(BoundedAdmin[PromptTemplate]):
    """Words that drafts were made by are never changed: saving makes the next version."""

    form = PromptForm
    list_display = ("__str__", "category", "language", "is_current", "used_at", "created_by", "created_at")
    list_filter = ("is_current", "category")
    list_select_related = ("created_by",)
    search_fields = ("^name",)
    search_help_text = gettext_lazy("The beginning of a name")
    ordering = ("-id",)
    fields = ("name", "category", "language", "text", "version", "is_current", "used_at", "opened")
    readonly_fields = ("version", "is_current", "used_at")
    actions = ("use_this_version", "put_aside")
    change_form_template = "admin/captions/prompttemplate/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        preview = self.admin_site.admin_view(self.preview_view)
        return [path("<int:pk>/preview/", preview, name="captions_prompttemplate_preview"), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Drafts refer to them; what nobody wants any more is put aside."""
        return False

    def save_model(self, request: HttpRequest, obj: PromptTemplate, form: PromptForm, change: bool) -> None:
        stored = PromptTemplate.objects.get(pk=obj.pk) if change else None
        try:
            kept = prompting.save(stored, **form.words(), actor=staff.actor(request))
        except prompting.PromptRefused as refused:
            raise PermissionDenied(str(refused)) from refused
        obj.pk, obj.version, obj.is_current = kept.pk, kept.version, kept.is_current
        if stored is not None and kept.pk != stored.pk:
            text = _("Drafts were made by %(old)s, so this became %(new)s. It is not in use yet.")
            self.message_user(request, text % {"old": stored, "new": kept}, messages.WARNING)

    @admin.action(description=gettext_lazy("Use this version"), permissions=["change"])
    def use_this_version(self, request: HttpRequest, prompts: QuerySet[PromptTemplate]) -> None:
        for prompt in prompts.order_by("pk"):
            aside = prompting.use(prompt, staff.actor(request))
            self.message_user(request, f"{_('In use now:')} {prompt}", messages.SUCCESS)
            if aside:
                told = _("Put aside, since it was for the same: %(prompts)s.")
                self.message_user(request, told % {"prompts": ", ".join(map(str, aside))}, messages.WARNING)

    @admin.action(description=gettext_lazy("Put aside"), permissions=["change"])
    def put_aside(self, request: HttpRequest, prompts: QuerySet[PromptTemplate]) -> None:
        names = []
        for prompt in prompts.order_by("pk"):
            prompting.put_aside(prompt, staff.actor(request))
            names.append(str(prompt))
        self.message_user(request, f"{_('Not in use any more:')} {', '.join(names)}", messages.SUCCESS)

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show pictures to try the prompt on; a POST tries it on one of them, and shows earlier tries again."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        user = staff.actor(request)
        template = get_object_or_404(PromptTemplate, pk=pk)
        sent = request.POST if request.method == "POST" else request.GET
        form = PreviewForm(sent if "images" in sent else None)
        numbers = form.cleaned_data["images"] if form.is_bound and form.is_valid() else []
        chosen = prompt_previews.pictures(user, numbers) if numbers else prompt_previews.latest_pictures(user)
        tried = _earlier(request, template)
        number = row_number(request.POST.get("try", ""))
        for image in chosen:
            if image.pk == number:
                tried[str(image.pk)] = _tried(template, image)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try %(prompt)s") % {"prompt": template},
            "opts": self.opts,
            "template": template,
            "form": form,
            "rows": [(image, tried.get(str(image.pk))) for image in chosen],
            "images": " ".join(str(image.pk) for image in chosen),
            "missing": len(numbers) > len(chosen),
            "tried": signing.dumps({"prompt": template.pk, "tried": tried}, salt=SALT),
        }
        return TemplateResponse(request, "admin/captions/prompttemplate/preview.html", context)


def _tried(template: PromptTemplate, image: Any) -> dict[str, str]:
    try:
        preview = prompt_previews.preview(template, image)
    except PreviewRefused as refused:
        return {"error": str(refused)}
    by = _("%(engine)s, %(model)s, %(seconds)s seconds")
    known = {"engine": preview.engine, "model": preview.model, "seconds": preview.seconds}
    return {"text": preview.text, "by": by % known}


def _earlier(request: HttpRequest, template: PromptTemplate) -> dict[str, dict[str, str]]:
    """The texts that the page showed before: they come back with its form, signed, and are stored nowhere."""
    try:
        known = signing.loads(request.POST.get("tried", ""), salt=SALT, max_age=LASTS)
    except signing.BadSignature:
        return {}
    return dict(known["tried"]) if known.get("prompt") == template.pk else {}
