"""The journey of an account, taken with what two generators make of openapi.yaml for Python."""

import os
import pathlib

import httpx

import datamodel_code_generator_models as models
from openapi_python_client_accounts import AuthenticatedClient, Client
from openapi_python_client_accounts.api.account import create_user, obtain_token
from openapi_python_client_accounts.api.profile import get_profile, update_profile
from openapi_python_client_accounts.models import LogIn, ProfileChanges, ProfileForm, SignUp, SignUpErrors
from openapi_python_client_accounts.types import File

API = os.environ["API_URL"]
AVATAR = pathlib.Path(os.environ["AVATAR"])
# A domain that only a test would have, which validators of addresses refuse.
EMAIL = "вася@{}.test"


def openapi_python_client():
    email = EMAIL.format("client")
    with Client(API) as client:
        sign_up = SignUp(email, "12345")
        assert create_user.sync_detailed(client=client, body=sign_up).status_code == 201
        refusal = create_user.sync(client=client, body=sign_up)
        assert isinstance(refusal, SignUpErrors)
        assert refusal.to_dict() == {"email": ["user with this email already exists."]}
        token = obtain_token.sync(client=client, body=LogIn(email, "12345")).token

    with AuthenticatedClient(API, token, prefix="JWT") as client:
        assert get_profile.sync(client=client).email == email
        assert update_profile.sync(client=client, body=ProfileChanges(first_name="Вася")).first_name == "Вася"
        with AVATAR.open("rb") as picture:
            form = ProfileForm(avatar=File(picture, "avatar.png", "image/png"))
            changed = update_profile.sync(client=client, body=form)
        assert httpx.get(changed.avatar).headers["content-type"] == "image/webp"
        renamed = update_profile.sync(client=client, body=ProfileChanges(first_name=None))
        assert (renamed.first_name, renamed.avatar) == (None, changed.avatar)
        assert update_profile.sync(client=client, body=ProfileChanges(avatar=None)).avatar is None


def datamodel_code_generator():
    """It makes models alone, so the requests are httpx's."""
    email = EMAIL.format("models")
    with httpx.Client(base_url=API) as client:
        sign_up = models.SignUp(email=email, password="12345").model_dump(exclude_unset=True)
        assert client.post("/create_user/", json=sign_up).status_code == 201
        refusal = client.post("/create_user/", json=sign_up)
        assert models.SignUpErrors.model_validate(refusal.json()).email[0].value == "user with this email already exists."
        log_in = models.LogIn(login=email, password="12345").model_dump()
        token = client.post("/obtain_token/", json=log_in).raise_for_status().json()["token"]

        client.headers["Authorization"] = f"JWT {token}"
        profile = models.Profile.model_validate(client.get("/get_profile/").raise_for_status().json())
        assert profile.email == email

        def update(**arguments):
            response = client.put("/update_profile/", **arguments).raise_for_status()
            return models.Profile.model_validate(response.json())

        def change(**fields):
            return update(json=models.ProfileChanges(**fields).model_dump(exclude_unset=True))

        assert change(first_name="Вася").first_name == "Вася"
        changed = update(files={"avatar": AVATAR.read_bytes()})
        assert httpx.get(str(changed.avatar)).headers["content-type"] == "image/webp"
        renamed = change(first_name=None)
        assert (renamed.first_name, renamed.avatar) == (None, changed.avatar)
        assert change(avatar=None).avatar is None


for client in openapi_python_client, datamodel_code_generator:
    client()
    name = client.__name__.replace("_", "-")
    print(f"{name} signs up, logs in, reads, changes a name, uploads and removes an avatar")
