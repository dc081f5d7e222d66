"""Every setting there is, as one shape. The form of each value is in `values` and `urls`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretBytes, SecretStr

from portal.config import contacts, urls, values
from portal.linking import Policy, SignUps, State

Text: TypeAlias = Annotated[str, BeforeValidator(values.text)]
Flag: TypeAlias = Annotated[bool, BeforeValidator(values.flag)]
Endpoint: TypeAlias = Annotated[str, BeforeValidator(urls.endpoint)]
Admin: TypeAlias = Annotated[str, BeforeValidator(values.admin)]
Domain: TypeAlias = Annotated[str, BeforeValidator(values.domain)]
Organisation: TypeAlias = Annotated[str, BeforeValidator(values.organisation)]
Scope: TypeAlias = Annotated[str, BeforeValidator(values.scope)]
ProtectedHost: TypeAlias = Annotated[str, BeforeValidator(values.protected_host)]
SecretKey: TypeAlias = Annotated[SecretStr, BeforeValidator(values.secret_key)]
TokenKey: TypeAlias = Annotated[SecretBytes, BeforeValidator(values.token_key)]
Duration: TypeAlias = Annotated[timedelta, BeforeValidator(values.duration)]
ProviderName: TypeAlias = Annotated[str, BeforeValidator(values.provider_name)]

SECRETS = frozenset({"secret_key", "token_keys", "client_secret"})  # each may also be given as NAME_file
ADDRESSES = ("authorization_url", "token_url", "api_url", "issuer")  # of a provider


def keys_of(table: type[BaseModel]) -> list[str]:
    """The names that may be written in a table, `..._file` among them."""
    return [key for name in table.model_fields for key in (name, f"{name}_file") if key == name or name in SECRETS]


class Table(BaseModel):
    # A validation error of pydantic's prints the input it was given, and here that is secrets.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProviderSettings(Table):
    """One `[providers.X]` as written; None where nothing is."""

    enabled: Flag | None = None
    state: Annotated[State, BeforeValidator(values.state)] | None = None
    order: Annotated[int, BeforeValidator(values.order)] | None = None
    client_id: Annotated[str, BeforeValidator(values.credential)] | None = None
    client_secret: Annotated[SecretStr, BeforeValidator(values.credential)] | None = None
    title: Text | None = None
    scopes: Annotated[tuple[Scope, ...], BeforeValidator(values.list_cut_at(r"[\s,]+"))] | None = None
    keep_tokens: Flag = True
    offline: Flag | None = None
    authorization_url: Endpoint | None = None
    token_url: Endpoint | None = None
    api_url: Endpoint | None = None
    issuer: Annotated[str, BeforeValidator(urls.issuer)] | None = None
    authoritative_for: Annotated[tuple[Domain, ...], BeforeValidator(values.domains)] | None = None
    hosted_domains: Annotated[tuple[Domain, ...], BeforeValidator(values.domains)] | None = None
    organisations: Annotated[tuple[Organisation, ...], BeforeValidator(values.organisations)] | None = None
    allow: Annotated[tuple[Admin, ...], BeforeValidator(values.people)] | None = None
    require_verified_email: Flag = False

    @property
    def switched(self) -> bool | None:
        """Whether it is switched on or off; None where nobody says, and its credentials decide."""
        if self.enabled is False or self.state is State.OFF:
            return False
        return True if self.enabled or self.state else None


class LinkingSettings(Table):
    """`[linking]`: what a new identity leads to."""

    same_email: Annotated[Policy, BeforeValidator(values.policy)] = Policy.ASK


class ForwardAuthSettings(Table):
    """`[forward_auth]`: the hosts whose pages a proxy protects with `/auth`, and that a sign-in may end on."""

    hosts: Annotated[tuple[ProtectedHost, ...], BeforeValidator(values.list_cut_at(r"[\s,]+"))] = ()


class SessionSettings(Table):
    """`[sessions]` as written; None where nothing is."""

    idle: Duration | None = None
    absolute: Duration | None = None
    shared_idle: Duration | None = None
    shared_absolute: Duration | None = None
    fresh: Annotated[timedelta, BeforeValidator(values.fresh)] | None = None


class EventSettings(Table):
    """`[events]`: what is kept of what happened."""

    keep: Annotated[timedelta, BeforeValidator(values.keep)] = timedelta(days=400)


class Settings(Table):
    """The whole configuration as written, with what holds where nothing is."""

    secret_key: Annotated[tuple[SecretKey, ...], BeforeValidator(values.keys)] = ()
    token_keys: Annotated[tuple[TokenKey, ...], BeforeValidator(values.keys)] = ()
    store: Annotated[str, BeforeValidator(values.store)] = "sqlite:///instance/portal.db"
    base_url: Annotated[str, BeforeValidator(urls.base_url)] | None = None
    client_address: Annotated[values.ClientAddress | None, BeforeValidator(values.client_address)] = None
    log: Annotated[Literal["json", "text"] | None, BeforeValidator(values.log)] = None
    title: Text = "Portal"
    home_url: Annotated[str, BeforeValidator(urls.home_url)] | None = None
    contact: Annotated[str, BeforeValidator(contacts.contact)] | None = None
    sign_up: Annotated[SignUps, BeforeValidator(values.sign_up)] = SignUps.OPEN
    admins: Annotated[tuple[Admin, ...], BeforeValidator(values.list_cut_at(","))] = ()
    cookie_domain: Annotated[str, BeforeValidator(values.cookie_domain)] | None = None
    forward_auth: ForwardAuthSettings = ForwardAuthSettings()
    linking: LinkingSettings = LinkingSettings()
    sessions: SessionSettings = SessionSettings()
    events: EventSettings = EventSettings()
    providers: dict[ProviderName, ProviderSettings] = {}


TABLES: dict[str, type[BaseModel]] = {  # of which there is one each; those of `providers` have names of their own
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
