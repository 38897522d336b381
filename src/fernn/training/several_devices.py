"""Several devices of this machine, or mixed precision, by Lightning Fabric.

The processes of one machine find each other through a file, and over loopback.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.distributed.distributed_c10d import init_process_group, is_initialized

from fernn.training.settings import PRECISIONS, Precision


def launch(devices: int, precision: Precision) -> Fabric:
    """Processes on this node alone, whatever the cluster offers."""
    strategy = "auto"
    if devices > 1:
        meeting()  # named before the other processes are started
        strategy = OneMachine()
    fabric = Fabric(
        devices=devices,
        strategy=strategy,
        precision=PRECISIONS[precision],
        plugins=LightningEnvironment(),
    )
    fabric.launch()
    return fabric


class OneMachine(DDPStrategy):
    """Devices of this machine that share each batch.

    Left alone, torch listens on all addresses of the machine, and whoever connects is
    believed.
    """

    def setup_environment(self) -> None:
        """Meet the others, unless there is nobody to meet."""
        loopback = "lo0" if sys.platform == "darwin" else "lo"
        for library in ("GLOO", "NCCL"):
            os.environ.setdefault(f"{library}_SOCKET_IFNAME", loopback)
        if not is_initialized():
            backend = "nccl" if self.root_device.type == "cuda" else "gloo"
            init_process_group(
                backend,
                init_method=f"file://{meeting()}",
                rank=self.local_rank,
                world_size=self.num_processes,
            )
        super().setup_environment()


def meeting() -> str:
    """The file where the processes meet; the first one names it for the others."""
    if "FERNN_MEETING" not in os.environ:
        folder = tempfile.mkdtemp(prefix="fernn-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["FERNN_MEETING"] = os.path.join(folder, "meeting")
    return os.environ["FERNN_MEETING"]
