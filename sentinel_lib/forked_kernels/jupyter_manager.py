"""Jupyter's view of a kernel that is already there: its manager and its client."""

import time
from queue import Empty
from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from sentinel_lib.forked_kernels.kernel_process import KernelProcess

KERNEL_NAME = "python3"
RECONNECT_MILLISECONDS = 5
LISTEN_SECONDS = 0.1


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
        """Request kernel_info until the answer came on both channels, or the kernel died."""
        end = time.monotonic() + (timeout or float("inf"))
        while True:
            request = self.kernel_info()
            while not await self._receives(self.shell_channel, request, "kernel_info_reply"):
                if not await self._async_is_alive():
                    raise RuntimeError("Kernel died before replying to kernel_info")
                if time.monotonic() > end:
                    raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")
            # Before its subscription has arrived, what the kernel publishes is lost.
            if await self._receives(self.iopub_channel, request, "status", "idle"):
                return

    async def _receives(
        self, channel: Any, request: str, kind: str, state: str | None = None
    ) -> bool:
        """Whether such an answer to ``request`` comes within ``LISTEN_SECONDS`` of the last."""
        while True:
            try:
                message = await channel.get_msg(timeout=LISTEN_SECONDS)
            except Empty:
                return False
            if message["parent_header"].get("msg_id") == request and message["msg_type"] == kind:
                if kind == "kernel_info_reply":
                    self._handle_kernel_info_reply(message)
                if state in (None, message["content"].get("execution_state")):
                    return True


def manager_of(kernel: KernelProcess) -> AsyncKernelManager:
    """A manager that has this kernel, which stays its pool's to end."""
    manager = AsyncKernelManager(
        kernel_name=KERNEL_NAME,
        connection_file=str(kernel.connection_file),
        client_factory=ReadyClient,
    )
    manager.load_connection_file()
    manager.provisioner = LocalProvisioner(parent=manager)
    manager.provisioner.process = kernel.process
    return manager
