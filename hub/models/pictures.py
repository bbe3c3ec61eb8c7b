from django.db import models


class Picture(models.Model):
    """A picture that the owner gave. Its key is made of its content, so that browsers may keep it for ever.

    The pixels are in the database, beside the rows that need them: one backup holds both, and several machines
    show the same.
    """

    name = models.CharField(max_length=32, primary_key=True)
    purpose = models.CharField(max_length=10)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    given_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.purpose} {self.name}"


class PictureSize(models.Model):
    """One size of a picture. `side` is the longest one that it may have, in pixels."""

    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="sizes")
    side = models.PositiveSmallIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["picture", "side"], name="one_picture_of_a_size")]

    def __str__(self) -> str:
        return f"{self.picture_id} at {self.side}"
