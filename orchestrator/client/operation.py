"""Operations: what a method asks for is described once, and every client has it in its own way.

A method that describes a request becomes, on a ``Client``, one that gives the answer; on an ``AsyncClient`` one to be
awaited; and on a ``DocumentClient`` one that gives the answer's document as it came.
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from inspect import Signature, signature
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from orchestrator.client.ask import Ask, Flow
from orchestrator.client.asynchronous import Asynchronous
from orchestrator.client.documents import Documents
from orchestrator.client.errors import Document
from orchestrator.client.handles import AsyncJobHandle, JobHandle
from orchestrator.client.synchronous import Synchronous
from orchestrator.contracts.views import Job, Page

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")
"""What describes it."""


class _Described(Generic[P, D]):
    _performed_by: str
    """The method of a client that does it."""

    def __init__(self, describe: Callable[Concatenate[Any, P], D]) -> None:
        @functools.wraps(describe)
        def method(client: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
            return getattr(client, self._performed_by)(describe(client, *args, **kwargs))

        method.__signature__ = signature(describe).replace(return_annotation=Signature.empty)  # type: ignore[attr-defined]
        self.describe, self._method = describe, method

    def _of(self, client: object) -> Any:
        return self._method if client is None else MethodType(self._method, client)


class _Answered(_Described[P, D], Generic[P, D, T]):
    """It comes to one answer."""

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], Any]: ...
    @overload
    def __get__(self, client: Synchronous, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, client: Documents, owner: type) -> Callable[P, Document]: ...
    def __get__(self, client: object, owner: type) -> Any:
        return self._of(client)


class _Iterated(_Described[P, D], Generic[P, D, T]):
    """It comes to answers that are taken one by one."""

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], Any]: ...
    @overload
    def __get__(self, client: Synchronous, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, client: Documents, owner: type) -> Callable[P, Iterator[Document]]: ...
    def __get__(self, client: object, owner: type) -> Any:
        return self._of(client)


class Operation(_Answered[P, Ask[T], T], Generic[P, T]):
    """A request with one answer."""

    _performed_by = "perform"


class Listing(_Iterated[P, Ask[Page[T]], T], Generic[P, T]):
    """A list: every item, page by page as they are needed."""

    _performed_by = "items"


class Starting(_Described[P, Ask[Job]]):
    """A request that starts a job, which can be waited for."""

    _performed_by = "start"

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], Any]: ...
    @overload
    def __get__(self, client: Synchronous, owner: type) -> Callable[P, JobHandle]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type) -> Callable[P, Awaitable[AsyncJobHandle]]: ...
    @overload
    def __get__(self, client: Documents, owner: type) -> Callable[P, Document]: ...
    def __get__(self, client: object, owner: type) -> Any:
        return self._of(client)


class Several(_Answered[P, Flow[T], T], Generic[P, T]):
    """Several requests with one answer in the end."""

    _performed_by = "follow_through"


class Each(_Iterated[P, Iterator[Ask[list[T]]], T], Generic[P, T]):
    """Several requests with several answers each, sent as the answers are taken."""

    _performed_by = "each"
