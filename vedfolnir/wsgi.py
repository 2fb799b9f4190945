"""What gunicorn serves. It does not start with a key that cannot read the stored credentials."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vedfolnir.settings")
application = get_wsgi_application()

from platforms.credentials import require_readable_credentials  # noqa: E402  (models are ready only now)

require_readable_credentials()
