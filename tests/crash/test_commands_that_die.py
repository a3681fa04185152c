"""`deliver` and `ingest` die at their failpoints, and are run again as a mail server or a person does."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from postroom import maildir
from postroom.failpoints import FAILPOINTS
from tests.command import ENVIRONMENT
from tests.crash.ledger import Post, Sent, address
from tests.crash.serving import Servers
from tests.crash.stages import stage

SEED = 1
ENDS = {"kill": -9, "raise": 75}
OF_DELIVER = [name for name in FAILPOINTS if name.startswith(("deliver.", "maildir."))]
OF_INGEST = ["ingest.read", "archive.renamed", "accept.committed", "extract.kept", "announce.sent"]

pytestmark = [pytest.mark.crash, pytest.mark.timeout(240)]


@pytest.mark.parametrize("act", ENDS)
@pytest.mark.parametrize("name", OF_DELIVER)
def test_a_mail_whose_delivery_died_is_there_whole_once_it_is_delivered_again(
    tmp_path: Path, name: str, act: str
) -> None:
    maildir.create(tmp_path)
    mail = Post(SEED).write()

    codes = [_delivered(tmp_path, mail, f"{name}:{act}"), _delivered(tmp_path, mail, "")]

    copies = [path.read_bytes() for path in (tmp_path / "new").iterdir()]
    wanted = mail.raw.partition(b"\r\n")[2]
    assert codes == [ENDS[act], 0]
    assert [copy.endswith(wanted) for copy in copies] == [True] * len(copies)
    assert len(copies) == (2 if name in {"maildir.renamed", "maildir.synced", "deliver.kept"} else 1)


def test_an_import_that_died_is_started_again_and_takes_each_mail_once(
    tmp_path: Path, servers: Servers
) -> None:
    with stage("sqlite-maildir", tmp_path / "cell", servers, random.Random(SEED)) as played:  # noqa: S311  (repeatable)
        (host,), post = played.hosts, Post(SEED)
        for name, act in product(OF_INGEST, ENDS):
            mail = post.write()
            played.sent.append(mail)
            path = tmp_path / f"{name}.{act}.eml"
            path.write_bytes(mail.raw)
            words = ["-c", str(host.config), "ingest", "--to", address(mail), str(path)]
            died = played.nursery.wait(played.nursery.start(words, host.log, failpoint=f"{name}:{act}"), 30)
            again = played.nursery.wait(played.nursery.start(words, host.log), 30)

            assert (name, died, again) == (name, ENDS[act], 0)
        played.drain()
        played.kill(host)

        assert played.count().faults() == {}


def _delivered(folder: Path, mail: Sent, failpoint: str) -> int:
    words = ["deliver", "--maildir", f"{folder}/", "--recipient", address(mail)]
    environ = {**ENVIRONMENT, "POSTROOM_FAILPOINT": failpoint}
    done = subprocess.run(
        [sys.executable, "-m", "postroom", *words], input=mail.raw, check=False, timeout=50, env=environ
    )
    return done.returncode
