"""The same four endpoints in Django REST Framework, to compare with.

For gunicorn: `gunicorn --preload django_accounts:application`, with a folder for its data in
`ACCOUNTS_FOLDER` and the key of its tokens in `JWT_SECRET`. It has less to do than the service: it
counts no failed log-ins.
"""

import datetime
import io
import os
import pathlib
import secrets
import uuid

import django
import jwt
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from PIL import Image, ImageOps


class Argon2(Argon2PasswordHasher):
    memory_cost, time_cost, parallelism = 19_456, 2, 1


settings.configure(
    SECRET_KEY=os.environ["JWT_SECRET"],
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": pathlib.Path(os.environ["ACCOUNTS_FOLDER"], "db.sqlite3"),
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
            },
        }
    },
    MEDIA_ROOT=os.environ["ACCOUNTS_FOLDER"],
    PASSWORD_HASHERS=[f"{__name__}.Argon2"],
    USE_I18N=False,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

# These need the settings.
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.files.base import ContentFile
from django.core.validators import RegexValidator
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.urls import re_path
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import api_view
from rest_framework.exceptions import AuthenticationFailed, ParseError
from rest_framework.generics import RetrieveAPIView, UpdateAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response


class User(AbstractBaseUser):
    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True, db_collation="NOCASE")
    username = models.CharField(
        max_length=150,
        unique=True,
        db_collation="NOCASE",
        validators=[RegexValidator(r"^[A-Za-z0-9._+-]+\Z", "Enter a valid username.")],
        error_messages={"unique": "A user with that username already exists."},
    )
    first_name = models.CharField(max_length=150, null=True, blank=True)
    last_name = models.CharField(max_length=150, null=True, blank=True)
    patronymic = models.CharField(max_length=150, null=True, blank=True)
    avatar = models.ImageField(upload_to="avatars", null=True)

    USERNAME_FIELD = "username"

    class Meta:
        app_label = "accounts"


class SignUp(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["email", "password", "username"]
        extra_kwargs = {
            "password": {"min_length": 5, "trim_whitespace": False},
            "username": {"min_length": 3, "required": False},
        }

    def create(self, fields):
        if "username" not in fields:
            fields["username"] = f"{fields['email'].split('@')[0]}-{secrets.token_hex(3)}"
        return User.objects.create(**fields | {"password": make_password(fields["password"])})


class Profile(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["uuid", "username", "email", "first_name", "last_name", "patronymic", "avatar"]
        read_only_fields = fields[:3]

    def validate(self, fields):
        return {name: value or None for name, value in fields.items()}

    def validate_avatar(self, file):
        if not file:
            return None
        image, webp = Image.open(file), io.BytesIO()
        # First, because it lets a JPEG be decoded at a smaller scale.
        image.thumbnail((512, 512))
        ImageOps.exif_transpose(image).save(webp, "WEBP", method=2)
        return ContentFile(webp.getvalue(), f"{self.instance.uuid}/{secrets.token_hex(16)}.webp")

    def update(self, user, fields):
        old = user.avatar.name
        user = super().update(user, fields)
        if old and old != user.avatar.name:
            user.avatar.storage.delete(old)
        return user


class JWTAuthentication(BaseAuthentication):
    def authenticate_header(self, request):
        return 'JWT realm="api"'

    def authenticate(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "jwt":
            return None
        try:
            claims = jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"])
            return User.objects.get(uuid=claims["user_id"]), token
        except jwt.ExpiredSignatureError:
            raise AuthenticationFailed("Signature has expired.")
        except jwt.InvalidTokenError:
            raise AuthenticationFailed("Error decoding signature.")
        except User.DoesNotExist:
            raise AuthenticationFailed("Invalid signature.")


@api_view(["POST"])
def create_user(request):
    form = SignUp(data=request.data)
    form.is_valid(raise_exception=True)
    form.save()
    return Response({"message": "User succesfully created"}, 201)


# A hash to verify where there is no account, so that the log-in takes as long.
NOBODY = make_password("nobody")


@api_view(["POST"])
def obtain_token(request):
    login, password = (str(request.data.get(field, "")) for field in ("login", "password"))
    user = User.objects.filter(**{"email" if "@" in login else "username": login}).first()
    if not check_password(password, user.password if user else NOBODY) or not user:
        return Response({"error": "Please provide right login and a password"}, 401)
    claims = {
        "user_id": str(user.uuid),
        "username": user.username,
        "exp": datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1),
        "email": user.email,
    }
    return Response({"token": jwt.encode(claims, settings.SECRET_KEY)})


class OfMember:
    authentication_classes = [JWTAuthentication]
    permission_classes = [IsAuthenticated]
    serializer_class = Profile

    def get_object(self):
        return self.request.user


class GetProfile(OfMember, RetrieveAPIView):
    pass


class UpdateProfile(OfMember, UpdateAPIView):
    http_method_names = ["put", "options"]

    def put(self, request):
        if not {"first_name", "last_name", "patronymic", "avatar"}.issuperset(request.data):
            raise ParseError("Invalid signature.")
        return self.partial_update(request)


urlpatterns = [
    re_path("^create_user/?$", create_user),
    re_path("^obtain_token/?$", obtain_token),
    re_path("^get_profile/?$", GetProfile.as_view()),
    re_path("^update_profile/?$", UpdateProfile.as_view()),
]
application = get_wsgi_application()

# Once, before gunicorn makes its workers, none of which may inherit a connection.
if not connection.introspection.table_names():
    with connection.schema_editor() as schema:
        schema.create_model(User)
connection.close()
