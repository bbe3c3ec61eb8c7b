from hub.models.access import Grant, Ledger
from hub.models.batches import Batch, BatchRow
from hub.models.catalogue import Category, CollectionItem, FormerAddress, Product
from hub.models.content import Page, PageProgress, Section
from hub.models.notes import Note, NoteVersion
from hub.models.people import User
from hub.models.pictures import Picture, PictureSize
from hub.models.signing_in import CodeMail
from hub.models.site import SalesPage, Site

__all__ = [
    "Batch",
    "BatchRow",
    "Category",
    "CodeMail",
    "CollectionItem",
    "FormerAddress",
    "Grant",
    "Ledger",
    "Note",
    "NoteVersion",
    "Page",
    "PageProgress",
    "Picture",
    "PictureSize",
    "Product",
    "SalesPage",
    "Section",
    "Site",
    "User",
]
