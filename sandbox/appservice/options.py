"""What can be chosen when the local App Service starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """All durations in seconds. Ports of 0 mean any free one (remembered in the state folder)."""

    host: str = "127.0.0.1"
    arm_port: int = 0
    front_port: int = 0
    identity_port: int = 0
    sites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name -> its slots besides production
    node: Mapping[int, Path] = field(default_factory=dict)  # major -> binary
    https: bool = False
    swap_seconds: float = 2.0  # 62 is what Azure usually takes
    # A site tells that it is being swapped. Whether Azure does so all along is not recorded.
    names_operations: bool = True
    recycle_seconds: float = 1.0  # how long SCM answers 503 after a change of settings; minutes on a bad day
    deployment_lag_seconds: float = 0.2  # how long deployments/latest still shows the deployment before
    hold_seconds: float = 230.0  # how long the front end holds a request for a site that is starting
    stop_seconds: float = 5.0  # between SIGTERM and SIGKILL
    drain_seconds: float = 30.0  # how long a swap waits for requests in flight on the old process
    warmup_seconds: float = 90.0  # one try of a swap's warm-up; there are five
    token_seconds: int = 86_400
    scm_seconds: float = 0.0  # how far away SCM is: each request takes so much longer
    scm_bytes: float = 0.0  # bytes a second to SCM, and as many from it; 0: as fast as this machine
    command_seconds: float = 230.0  # Kudu's limit for api/command
