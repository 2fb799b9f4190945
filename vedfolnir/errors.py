"""Logs and reports of errors (Django's debug page, mails to ADMINS) without secrets, whether DEBUG is on or not.

Our own code logs no secret; this is for what other libraries, or a mistake, put into a message or into a variable.
"""

import logging
import re
from collections.abc import Iterator
from types import FrameType
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, QueryDict
from django.utils.html import escape
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

SHORTEST = 6  # characters: a shorter value is too common to be taken out of a whole report
# Names of settings, form fields, cookies, headers and variables whose values are nobody's business.
HIDDEN = re.compile(
    r"api|auth|token|key|secret|pass|signature|cookie|session|csrf|credential|headers|query_string|_url$|^location$"
    r"|^(code|state|verifier)$",
    re.IGNORECASE,
)
# What a secret looks like in a line of text, with what stands before it.
SECRETS_IN_TEXT = re.compile(
    r"(\bbearer\s+|\b(?:access_token|refresh_token|client_secret|client_key|code_verifier|password|sessionid|\w*api_?key)"
    r"[\"']?\s*[=:]\s*[\"']?|[?&](?:code|state|token)=)[^\s\"'&,;}]+|()\b(?:gAAAA[\w-]{20,}=*|sk-[\w-]{12,})",
    re.IGNORECASE,
)


class SecretlessFormatter(logging.Formatter):
    """Lines of the log, tracebacks too, without what looks like a token, a password or a ciphertext."""

    def format(self, record: logging.LogRecord) -> str:
        return SECRETS_IN_TEXT.sub(r"\1*****", super().format(record))


class SecretlessFilter(SafeExceptionReporterFilter):
    """Django's filter, also with DEBUG, and for every value by its name and not only where somebody declared it."""

    hidden_settings = HIDDEN

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        known = super().get_post_parameters(request)
        return {name: self.cleanse_setting(name, value) for name, value in known.items()}

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
        known = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self.cleanse_setting(name, value)) for name, value in known]


class SecretlessReporter(ExceptionReporter):
    """Django's report, from which each secret that the request or a variable held is taken out wherever it stands."""

    def get_traceback_data(self) -> dict[str, Any]:
        data: dict[str, Any] = super().get_traceback_data()
        if self.request is not None:
            known = self.request.GET.items()
            data["request_GET_items"] = [(name, self.filter.cleanse_setting(name, value)) for name, value in known]
        return data

    def get_traceback_html(self) -> Any:
        return self._without_secrets(super().get_traceback_html())

    def get_traceback_text(self) -> Any:
        return self._without_secrets(super().get_traceback_text())

    def _without_secrets(self, report: str) -> str:
        for secret in sorted(set(self._secrets()), key=len, reverse=True):
            for form in (secret, escape(secret), escape(repr(secret)[1:-1]), quote(secret), quote(secret, safe="")):
                report = report.replace(form, self.filter.cleansed_substitute)
        return report

    def _secrets(self) -> Iterator[str]:
        for name, value in (*self._sent(), *self._variables()):
            if isinstance(value, str) and len(value.strip()) >= SHORTEST and HIDDEN.search(name):
                yield value.strip()

    def _sent(self) -> Iterator[tuple[str, Any]]:
        if self.request is None:
            return
        forms: tuple[QueryDict, ...] = (self.request.GET, self.request.POST)
        for form in forms:
            for name, values in form.lists():
                yield from ((name, value) for value in values)
        yield from self.request.COOKIES.items()

    def _variables(self) -> Iterator[tuple[str, Any]]:
        error = self.exc_value
        while error is not None:
            step = error.__traceback__
            while step is not None:
                yield from step.tb_frame.f_locals.items()
                step = step.tb_next
            error = error.__cause__ or error.__context__
