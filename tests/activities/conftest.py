from datetime import UTC, datetime

import pytest

from hub.models import Product, User

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@example.com", name="Ada Byron")


@pytest.fixture
def ben(db: None) -> User:
    return User.objects.create_user("ben@example.com", name="Ben Kato")


@pytest.fixture
def dan(db: None) -> User:
    return User.objects.create_user("dan@example.com", name="Dan Stranger")


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("olga@example.com", name="Olga Owner", role=User.Role.OWNER)


@pytest.fixture
def studio(db: None) -> Product:
    return Product.objects.create(name="Studio Membership", slug="studio-membership", is_live=True)
