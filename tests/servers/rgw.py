"""A real S3 server in a temp folder, on 127.0.0.1: Ceph's Object Gateway, all of it in memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.servers.s3 import S3Service
from tests.servers.waiting import free_port, wait_until

PACKAGES = "ceph-mon ceph-osd radosgw ceph-common"
_PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "monmaptool")
_CONFIG = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_supported = none
run_dir = {root}/run
admin_socket = {root}/run/$name.asok
log_file = {root}/log/$name.log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
ms_bind_ipv6 = false
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_op_num_shards = 2
[mon.a]
mon_data = {root}/mon
[osd.0]
osd_data = {root}/osd
[client.rgw]
rgw_data = {root}/rgw
ms_mon_client_mode = crc
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_thread_pool_size = 64
rgw_crypt_require_ssl = false
rgw_crypt_s3_kms_backend = testing
rgw_crypt_s3_kms_encryption_keys = k1=MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=
"""


def is_there() -> bool:
    """Return whether the programs of Ceph are installed."""
    return all(shutil.which(program) for program in _PROGRAMS)


class Rgw:
    """What is stored lasts as long as it runs; `service` is its first user."""

    def __init__(self, root: Path) -> None:
        self.root, self.port = root, free_port()
        self.service = S3Service(f"http://127.0.0.1:{self.port}")
        self._servers: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Return when the gateway answers and its first user is there."""
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self.root / name).mkdir()
        monitor, fsid = free_port(), str(uuid.uuid4())
        config = _CONFIG.format(root=self.root, fsid=fsid, v2=monitor, v1=free_port(), port=self.port)
        (self.root / "ceph.conf").write_text(config)
        addresses = config.partition("mon_host = ")[2].partition("\n")[0]
        self._call("monmaptool", "--create", "--addv", "a", addresses, "--fsid", fsid, f"{self.root}/monmap")
        self._call("ceph-mon", "-i", "a", "--mkfs", "--monmap", f"{self.root}/monmap")
        self._serve("ceph-mon", "-i", "a")
        disk = str(uuid.uuid4())
        self._call("ceph", "osd", "new", disk)
        self._call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        self._serve("ceph-osd", "-i", "0")
        self._serve("radosgw", "-n", "client.rgw")
        wait_until(self._answers, f"the Ceph Object Gateway; its logs: {self.root / 'log'}", seconds=120)
        self.make_user("postroom", self.service)

    def stop(self) -> None:
        """End the three servers and wait for them; what they held is gone."""
        for server in reversed(self._servers):
            server.kill()  # it is all in memory: there is nothing to be written down
            server.wait(timeout=30)
        self._servers.clear()

    def make_user(self, name: str, service: S3Service) -> None:
        """Make a user with those keys, who can make buckets and sees none of another's."""
        keys = ("--access-key", service.access_key, "--secret", service.secret_key)
        said = self._call("radosgw-admin", "user", "create", "--uid", name, "--display-name", name, *keys)
        assert json.loads(said)["user_id"] == name

    def _answers(self) -> bool:
        ended = [server.args for server in self._servers if server.poll() is not None]
        assert not ended, f"ended at once: {ended}; the logs: {self.root / 'log'}"
        try:
            with urlopen(self.service.endpoint, timeout=5) as answer:  # noqa: S310  (our own server's http)
                return bool(answer.status == 200)
        except URLError:
            return False

    def _serve(self, *words: str) -> None:
        with (self.root / "log" / "servers").open("ab") as log:
            orders = [*words, "-f", "-c", str(self.root / "ceph.conf")]
            self._servers.append(subprocess.Popen(orders, stdout=log, stderr=log, env=self._environ()))

    def _call(self, *words: str) -> str:
        ran = subprocess.run(
            [*words, "-c", str(self.root / "ceph.conf")],
            env=self._environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, f"{words}: {ran.stderr}"
        return ran.stdout

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "CEPH_CONF": str(self.root / "ceph.conf")}
