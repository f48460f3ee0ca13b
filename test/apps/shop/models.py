"""One table, so that requests write to a database."""

from django.db import models


class Order(models.Model):
    item = models.CharField(max_length=100)
    count = models.IntegerField()
    placed = models.DateTimeField(auto_now_add=True)
