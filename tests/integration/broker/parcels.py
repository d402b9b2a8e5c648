"""Parcels as the hub would send them."""

from orchestrator.contracts.parcel import Parcel, TaskOrder

SECRET = b"a secret of more than thirty-two characters"
ACTION = "fs.checksum"


def parcel(id: str, *, tasks: int = 1, epoch: int = 0) -> Parcel:
    """For the workers of London, of job 7."""
    orders = [TaskOrder(64 * (number + 1), 1, b"paths") for number in range(tasks)]
    params = {"algorithm": "md5"}
    return Parcel(id, "london", "default", "worker", ACTION, 7, 0, params, orders, 1e10, queue_epoch=epoch)
