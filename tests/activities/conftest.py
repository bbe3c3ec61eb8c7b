from datetime import UTC, datetime

import pytest

from hub.models import Product
from tests.cast import ProductFactory

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def studio(db: None) -> Product:
    product: Product = ProductFactory(name="Studio Membership", slug="studio-membership")
    return product
