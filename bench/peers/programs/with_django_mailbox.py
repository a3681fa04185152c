"""django-mailbox: rows in SQLite and attachments in files, by its own command, which deletes what it fetched.

with_django_mailbox.py PORT USER PASSWORD FOLDER [--prepare]
"""

from __future__ import annotations

import logging
import sys

import django
from django.conf import settings
from django.core.management import call_command


def main() -> None:
    port, user, password, folder, *more = sys.argv[1:]
    settings.configure(
        SECRET_KEY="no secret",
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_mailbox"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db.sqlite3"}},
        MEDIA_ROOT=f"{folder}/media",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DJANGO_MAILBOX_STORE_ORIGINAL_MESSAGE=True,
        LOGGING_CONFIG=None,
    )
    logging.disable(logging.WARNING)
    django.setup()
    if "--prepare" in more:
        from django_mailbox.models import Mailbox  # noqa: PLC0415  (only after setup)

        call_command("migrate", verbosity=0)
        Mailbox.objects.create(name=user, uri=f"imap://{user}:{password}@127.0.0.1:{port}")
    else:
        call_command("getmail")


if __name__ == "__main__":
    main()
