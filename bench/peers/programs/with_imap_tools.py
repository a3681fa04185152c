"""imap-tools: every mail to a file and every attachment to one, as its manual shows, without fsync.

with_imap_tools.py PORT USER PASSWORD FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from imap_tools import MailBoxUnencrypted


def main() -> None:
    port, user, password, place = sys.argv[1:]
    folder = Path(place)
    with MailBoxUnencrypted("127.0.0.1", int(port)).login(user, password, "INBOX") as mailbox:
        for mail in mailbox.fetch(mark_seen=False, bulk=50):
            (folder / f"{mail.uid}.eml").write_bytes(mail.obj.as_bytes())
            for number, attachment in enumerate(mail.attachments):
                if attachment.content_disposition == "attachment":
                    (folder / f"{mail.uid}.{number}").write_bytes(attachment.payload)


if __name__ == "__main__":
    main()
