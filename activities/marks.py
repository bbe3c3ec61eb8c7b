"""Where tables ended at a moment: what is written after it can be read, and done for nothing but to be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def newest(model: type[Model]) -> int:
    """The key of the row that was written last; 0 where there is none."""
    return model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0


class Mark:
    """Where these tables end now. By key: what others commit meanwhile is newer too."""

    def __init__(self, *models: type[Model]) -> None:
        self._newest = {model: newest(model) for model in models}

    def newer(self, model: type[Row]) -> QuerySet[Row]:
        return model._default_manager.filter(pk__gt=self._newest[model])

    def older(self, model: type[Row]) -> QuerySet[Row]:
        return model._default_manager.filter(pk__lte=self._newest[model])


@contextmanager
def rehearsed(*models: type[Model]) -> Iterator[Mark]:
    """What is done inside can be read inside, and is taken back: a preview by it cannot differ from the real thing."""
    with transaction.atomic():
        yield Mark(*models)
        transaction.set_rollback(True)
