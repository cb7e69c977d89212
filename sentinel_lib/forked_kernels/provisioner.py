"""Jupyter's view of a kernel that is already there: provisioner, manager and client."""

from __future__ import annotations

import signal
import time
from queue import Empty
from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerBase

from sentinel_lib.forked_kernels.kernel import Kernel

KERNEL = "python3"
RECONNECT_MILLISECONDS = 5
LISTEN_SECONDS = 0.1


class AdoptingProvisioner(KernelProvisionerBase):  # type: ignore[misc]  # jupyter_client is untyped
    """Provides the process of a ``Kernel``, which somebody else has started and will end."""

    process: Any = None

    @property
    def has_process(self) -> bool:
        return self.process is not None

    async def poll(self) -> int | None:
        code: int | None = self.process.poll() if self.process else 0
        return code

    async def wait(self) -> int | None:
        code: int | None = self.process.wait() if self.process else 0
        self.process = None
        return code

    async def send_signal(self, signum: int) -> None:
        if self.process:
            self.process.send_signal(signum)

    async def kill(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGTERM)

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """The kernel's folder goes with the kernel."""


class ReadyClient(AsyncKernelClient):  # type: ignore[misc]  # jupyter_client is untyped
    """A client that is ready when the kernel is, without the fixed wait of the stock one."""

    def start_channels(self, **channels: bool) -> None:
        """Only the channels that an execution uses; the manager knows whether the kernel lives."""
        self.context.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MILLISECONDS)
        super().start_channels(stdin=False, hb=False, control=False)

    def stop_channels(self) -> None:
        """Only those that were started: the stock client makes the others in order to stop them."""
        self.shell_channel.stop()
        self.iopub_channel.stop()
        self.context.destroy(linger=0)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Ask the kernel who it is until the answer came on both channels, or it died."""
        end = time.monotonic() + (timeout or float("inf"))
        while True:
            asked = self.kernel_info()
            while not await self._heard(self.shell_channel, asked, "kernel_info_reply"):
                if not await self._async_is_alive():
                    raise RuntimeError("Kernel died before replying to kernel_info")
                if time.monotonic() > end:
                    raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")
            # Before its subscription has arrived, what the kernel publishes is lost.
            if await self._heard(self.iopub_channel, asked, "status", "idle"):
                return

    async def _heard(self, channel: Any, asked: str, kind: str, state: str | None = None) -> bool:
        """Whether such a message about ``asked`` comes within ``LISTEN_SECONDS`` of the last."""
        while True:
            try:
                message = await channel.get_msg(timeout=LISTEN_SECONDS)
            except Empty:
                return False
            if message["parent_header"].get("msg_id") == asked and message["msg_type"] == kind:
                if kind == "kernel_info_reply":
                    self._handle_kernel_info_reply(message)
                if state in (None, message["content"].get("execution_state")):
                    return True


def manager_of(kernel: Kernel) -> AsyncKernelManager:
    """A manager that has this kernel."""
    manager = AsyncKernelManager(
        kernel_name=KERNEL,
        connection_file=str(kernel.connection_file),
        client_factory=ReadyClient,
    )
    manager.load_connection_file()
    manager.provisioner = AdoptingProvisioner(parent=manager)
    manager.provisioner.process = kernel.process
    return manager
