"""Metrics: their names and meanings, and the file that a node exporter of Prometheus reads them from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from postroom.stages import Spent

STAGE_DURATION: Final = "postroom_stage_duration_seconds"
METRICS: Final[dict[str, str]] = {
    STAGE_DURATION: "what the stages of a mail's way took, and how often each was gone through",
}


def write_metrics(path: Path, spent: Mapping[tuple[str, str], Spent]) -> None:
    """Write what each stage of each track took, in the text format; may be repeated.  Raises OSError.

    The file is replaced at once: who reads it meets the old one or the new one, whole.  Anybody may read it,
    for a node exporter is another user.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Stages(spent))
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(generate_latest(registry))
        beside.chmod(0o644)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


class _Stages(Collector):
    def __init__(self, spent: Mapping[tuple[str, str], Spent]) -> None:
        self._spent = spent

    def collect(self) -> Iterator[Metric]:
        family = SummaryMetricFamily(STAGE_DURATION, METRICS[STAGE_DURATION], labels=("stage", "track"))
        for (track, stage), spent in sorted(self._spent.items()):
            family.add_metric((stage, track), count_value=spent.times, sum_value=spent.seconds)
        yield family
