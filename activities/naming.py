"""Whoever has a word in their name or address, found by an index where the database has one for that."""

from typing import Any

from django.db.models import BooleanField, Func, Q, Value

# The database's own: the pieces of three letters that a text is made of. `hub` makes it, and an index of it.
PIECES = "hub_pieces_of"
INDEXED = "{pieces}(upper({email} || ' ' || {name}))"
SHORTEST = 3


class _HasPieces(Func):
    """All pieces of a word: whoever has the word has them. Of a shorter one there are none to look for."""

    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **_extra: Any) -> tuple[str, tuple[str | int, ...]]:
        return "1 = 1", ()

    def as_postgresql(self, compiler: Any, connection: Any, **_extra: Any) -> tuple[str, tuple[str | int, ...]]:
        email, name, word = self.get_source_expressions()
        (email_sql, _), (name_sql, _) = compiler.compile(email), compiler.compile(name)
        word_sql, params = compiler.compile(word)
        indexed = INDEXED.format(pieces=PIECES, email=email_sql, name=name_sql)
        return f"{indexed} @> {PIECES}(upper({word_sql}))", tuple(params)


def named(word: str) -> Q:
    """A condition on people: the word is anywhere in their name or address, in capitals or not."""
    found = Q(email__icontains=word) | Q(name__icontains=word)
    return found & Q(_HasPieces("email", "name", Value(word))) if len(word) >= SHORTEST else found
