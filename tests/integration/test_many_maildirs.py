"""Many Maildirs at once: each is a source of its own, and one that is away holds up no other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from postroom import maildir
from tests.command import postroom
from tests.integration.test_first_mail import mail


def test_eight_maildirs_are_emptied_in_one_round_and_the_one_that_is_away_is_named(tmp_path: Path) -> None:
    config = tmp_path / "postroom.toml"
    config.write_text(
        f'state_dir = "{tmp_path}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n'
        "[org.acme]\n[org.beta]\n"
        + "".join(f'[maildir.m{number}]\npath = "mail/{number}"\n' for number in range(8))
    )
    config.chmod(0o600)
    for number in range(7):
        maildir.create(tmp_path / "mail" / str(number))
        maildir.deliver(tmp_path / "mail" / str(number), mail("acme", f"first-{number}"))
        maildir.deliver(tmp_path / "mail" / str(number), mail("beta", f"second-{number}"))

    done = postroom(config, "fetch", "--once", "--json", answer=75)

    facts = done.objects()[0]
    assert (facts["taken"], facts["documents"], facts["quarantined"]) == (14, 14, 0)
    assert "m7" in done.err
    assert "E-MAILDIR" in done.err
    assert list((tmp_path / "mail").glob("*/new/*")) == []
    states = Counter(
        source["state"] for source in postroom(config, "status", "--json").objects()[0]["sources"]
    )
    assert states == {"ok": 7, "failing": 1}
