"""What the API answers: one model a thing, the same words as in the database and the domain."""

from orchestrator.contracts.views.access import Key as Key
from orchestrator.contracts.views.access import Live as Live
from orchestrator.contracts.views.access import NewKey as NewKey
from orchestrator.contracts.views.access import Readiness as Readiness
from orchestrator.contracts.views.jobs import Discovery as Discovery
from orchestrator.contracts.views.jobs import ErrorGroup as ErrorGroup
from orchestrator.contracts.views.jobs import HistoryEntry as HistoryEntry
from orchestrator.contracts.views.jobs import Job as Job
from orchestrator.contracts.views.jobs import Outcome as Outcome
from orchestrator.contracts.views.jobs import PathCounts as PathCounts
from orchestrator.contracts.views.jobs import PathOutcome as PathOutcome
from orchestrator.contracts.views.jobs import Progress as Progress
from orchestrator.contracts.views.jobs import Snapshot as Snapshot
from orchestrator.contracts.views.jobs import Step as Step
from orchestrator.contracts.views.jobs import Task as Task
from orchestrator.contracts.views.jobs import TaskCounts as TaskCounts
from orchestrator.contracts.views.jobs import TaskError as TaskError
from orchestrator.contracts.views.jobs import TaskPaths as TaskPaths
from orchestrator.contracts.views.page import Page as Page
from orchestrator.contracts.views.page import Problem as Problem
from orchestrator.contracts.views.page import Wrong as Wrong
from orchestrator.contracts.views.sites import Node as Node
from orchestrator.contracts.views.sites import OfferedAction as OfferedAction
from orchestrator.contracts.views.sites import Pool as Pool
from orchestrator.contracts.views.sites import Site as Site
