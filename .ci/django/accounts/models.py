"""The users, and something else that points to them."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    patronymic = models.CharField(max_length=150, blank=True)
    avatar = models.ImageField(upload_to="avatars", blank=True)


class Device(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    name = models.CharField(max_length=50)
