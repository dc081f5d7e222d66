"""What every stand-in that speaks OpenID Connect says of a person: the ID token and userinfo, misbehaviour included.

Where they say it, and how their errors read, is each one's own.
"""

from __future__ import annotations

from providers.sandbox import pictures
from providers.sandbox.draft import Claims, Draft
from providers.sandbox.grants import Grant
from providers.sandbox.keyring import KeyRing
from providers.sandbox.misbehaviour import MISBEHAVIOURS, Change, Misbehaviour
from providers.sandbox.signing import half_hash
from providers.sandbox.standin import OpenID, StandIn, base
from providers.sandbox.troubles import ANSWERS, Call, Trouble, bad_subject

HOUR = 3600  # the life of an ID token, in seconds
GOOD = Misbehaviour(words="None")


def part(standin: StandIn) -> OpenID:
    """The OpenID part of a stand-in that has one."""
    if standin.openid is None:
        raise TypeError(f"{standin.name} doesn't speak OpenID Connect")
    return standin.openid


def token_answer(standin: StandIn, grant: Grant) -> Claims:
    """The token endpoint's answer."""
    life = standin.refreshing.life
    access_token = standin.grants.tokens.put(grant, life=life)
    answer: Claims = {
        "access_token": access_token,
        "expires_in": life,
        "scope": " ".join(sorted(grant.scopes)),
        "token_type": "Bearer",
    }
    if "openid" in grant.scopes:
        answer["id_token"] = _id_token(standin, grant, access_token)
    return _changed(answer, _played(grant).token)


def userinfo_claims(standin: StandIn, grant: Grant) -> Claims:
    return _changed(_subject(grant) | _about(standin, grant), _played(grant).profile, _played(grant).userinfo)


def _id_token(standin: StandIn, grant: Grant, access_token: str) -> str:
    here, plays, now = part(standin), _played(grant), int(standin.grants.clock())
    (plays.keys or KeyRing.behave)(here.keys)
    signer, audience = here.keys.signing, standin.client.client_id
    claims: Claims = {"iss": base() + here.path, "azp": audience, "aud": audience, **_subject(grant)}
    # What is to go wrong with userinfo can only do so if it is asked.
    troubled = grant.at is Call.PROFILE and grant.trouble in ANSWERS
    if not (here.sparse or plays.sparse or troubled):
        claims |= _about(standin, grant)
    claims |= {"at_hash": half_hash(access_token), "iat": now, "exp": now + HOUR}
    if grant.ask.nonce is not None:
        claims["nonce"] = grant.ask.nonce
    if here.says_auth_time:
        claims["auth_time"] = grant.signed_in
    header: Claims = {"alg": signer.alg, "kid": signer.kid, "typ": "JWT"}
    draft = Draft(header, _changed(claims, plays.profile, plays.claims), signer, standin.client.client_secret)
    if plays.draft is not None:
        plays.draft(draft)
    return draft.sign()


def _played(grant: Grant) -> Misbehaviour:
    return MISBEHAVIOURS[grant.misbehaviour] if grant.misbehaviour else GOOD


def _changed(claims: Claims, *changes: Change | None) -> Claims:
    for change in changes:
        if change is not None:
            change(claims)
    return claims


def _subject(grant: Grant) -> Claims:
    return {"sub": bad_subject(grant.trouble, grant.person.subject, odd="ада 1")}


def _about(standin: StandIn, grant: Grant) -> Claims:
    """What the scopes allow to be told; a claim that isn't known is left out, never null."""
    person = grant.person
    claims: Claims = {} if person.hd is None else {"hd": person.hd}
    if grant.trouble is Trouble.NO_PROFILE:
        return claims
    if grant.scopes & standin.email_scopes and person.email is not None:
        claims |= {"email": person.email, "email_verified": person.verified}
    if grant.scopes & part(standin).profile_scopes:
        claims["picture"] = pictures.address(person.subject)
        if person.name is not None:
            claims["name"] = person.name
    return claims
