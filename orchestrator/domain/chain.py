"""A task's id is its batch's id and its step: a chain's tasks follow each other, and none has to be looked for."""

STEP_BITS = 6
MAX_STEPS = 1 << STEP_BITS
"""So many steps a chain may have."""
STEP_MASK = MAX_STEPS - 1


def task_id(batch: int, step: int) -> int:
    """The task of this step of the batch's chain."""
    return batch << STEP_BITS | step


def batch_of(task: int) -> int:
    """The batch that a task works on."""
    return task >> STEP_BITS


def step_of(task: int) -> int:
    """A task's place in its chain, from 0."""
    return task & STEP_MASK
