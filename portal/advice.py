"""What an admin does about each outcome: which setting, which field of a provider's console, or nothing at all.

It goes into the log beside the outcome, and with the words of the error page into docs/errors.md. One line for each.
"""

from __future__ import annotations

from portal.errors import Outcome

# What it means here, then where to look.
ADVICE = {
    Outcome.BAD_CALLBACK: "A callback without one state and one code or error: a link cut off, or somebody trying. "
    "Nothing to do, unless a proxy in front drops or doubles query parameters.",
    Outcome.FLOW_MISSING: "The browser has no cookie for the state it came back with. One is a foreign link; many at "
    "once mean that people start under another name than base_url, or that a proxy drops Set-Cookie.",
    Outcome.FLOW_EXPIRED: "The provider answered after more than ten minutes. If it is every sign-in, the clocks "
    "of the portal's machines differ: look at NTP.",
    Outcome.FLOW_USED: "A second arrival of one sign-in, or a code that the provider says was spent: a reload or a "
    "double click. If it is every sign-in, something in front of the portal sends requests twice.",
    Outcome.WRONG_ISSUER: "The answer was not the asked provider's. Compare issuer, or authorization_url, in its table "
    "of portal.toml with what the provider documents; if they agree, somebody tried to mix two providers up.",
    Outcome.DENIED: "The person, or their company's policy, said no on the provider's page. Nothing to do.",
    Outcome.PROVIDER_BUSY: "The provider itself asked to be left alone. Look at its status page.",
    Outcome.PROVIDER_REFUSED: "The provider refuses this installation. Compare client_id and client_secret in its "
    "table of portal.toml with its console, the redirect URI there with base_url + /login/<provider>/authorized, "
    "and scopes.",
    Outcome.PROVIDER_DOWN: "No answer, or an answer of 500 and above. Look at the provider's status page, then at DNS "
    "and outgoing connections of this machine, and at token_url and api_url if you set them.",
    Outcome.PROVIDER_SLOW: "The provider's calls took more than five seconds together. Look at its status page, and at "
    "the way out of this machine: a proxy or firewall that drops packets looks the same.",
    Outcome.PROVIDER_ODD: "The answer is not what the protocol says; the line names the call. Look at token_url, "
    "api_url and issuer in its table of portal.toml: a web page instead of the API answers like this.",
    Outcome.SCOPE_MISSING: "The person unticked a permission, or the provider's console doesn't offer it to this "
    "application. Compare scopes in its table of portal.toml with the permissions in the console.",
    Outcome.CLOCKS_DIFFER: "A time in the ID token is more than a minute off; the line says which, and by how much. "
    "Set this machine's clock: look at NTP. If it is right, the provider's is wrong.",
    Outcome.NOT_LET_IN: "An account outside of hosted_domains, organisations or allow came back. Nothing to do, unless "
    "one is missing there, in the provider's table of portal.toml; or if the line says 403 of an organisation: it has "
    "to approve the application at GitHub.",
    Outcome.ADDRESS_UNVERIFIED: "The provider gave no address, or one that it has not verified, and "
    "require_verified_email in its table of portal.toml asks for one. Nothing to do.",
    Outcome.NOT_RECENT: "Asked whether it is still them, the provider vouched for an older sign-in than this one. "
    "Nothing to do; if it is everybody, the issuer says that it tells when people proved themselves, and doesn't.",
    Outcome.SIGNED_IN_AS_ANOTHER: "Somebody signed in used an identity that is not theirs here. Nothing to do.",
    Outcome.NOT_THE_SAME: "The account changed, or another signed in, while an identity was added. Nothing to do.",
    Outcome.ALREADY_YOURS: "The identity to be added is on the account already. Nothing to do.",
    Outcome.ANOTHERS: "The identity opens another account, often the same person's second one. They can sign in to "
    "that one, remove the identity there, and add it here.",
    Outcome.NOT_YOURS: "Asked whether it is still them, somebody used an identity that is not the account's. "
    "Nothing to do; often for one account, it may be a browser that somebody else sits at.",
    Outcome.LAST_WAY_IN: "The only identity whose provider is on was to be removed. Nothing to do, unless you switched "
    "the person's other provider off: enabled in its table of portal.toml.",
    Outcome.WAITED_TOO_LONG: "A question was answered after more than ten minutes, or twice. Nothing to do.",
    Outcome.LINK_SPENT: "A recovery link or an invitation was opened again or too late. Make a new one: manage.py "
    "users recover ID, or manage.py users invite.",
    Outcome.PROVIDER_OFF: "Somebody came back from a provider that was switched off meanwhile. If that was not meant: "
    "enabled, client_id and client_secret in its table of portal.toml.",
    Outcome.NO_SIGN_UP: "Somebody without an account came, and sign_up in portal.toml is invited or closed. Nothing to "
    "do, unless they should have one: manage.py users invite prints a link.",
    Outcome.LINK_ONLY: "Somebody without an account came by a provider that is only added to accounts, as state in its "
    "table of portal.toml says. Nothing to do.",
    Outcome.NOBODY_NEW: "An identity that opens no account came by a provider whose state in its table of portal.toml "
    "is hidden. Nothing to do.",
    Outcome.SUSPENDED: "The account is suspended, and its owner tried to sign in. Nothing to do, unless they write.",
    Outcome.SIGN_IN_FIRST: "A form of the application was sent by somebody whose session had ended, or was no longer "
    "fresh enough for it. Nothing to do; if many meet it, guard the page that the form is on as well.",
    Outcome.FORM_EXPIRED: "The form's token is old, or its cookie did not come. Many at once mean that secret_key "
    "changed or differs between instances, or that a proxy caches pages.",
    Outcome.CROSS_SITE: "Another site sent the form; the line has its name. If the name is yours, people use an "
    "address other than base_url: correct base_url, or redirect the other name to it.",
    Outcome.BAD_REQUEST: "The request makes no sense, the line says why. Nothing to do, unless a proxy rewrites it.",
    Outcome.NOT_FOUND: "No page has this address. Nothing to do, unless a link of yours leads there.",
    Outcome.WRONG_METHOD: "A page was asked for by a method it hasn't got, such as a form's address typed in. "
    "Nothing to do.",
    Outcome.TOO_LARGE: "A request was larger than any form here. Nothing to do.",
    Outcome.STORE_DOWN: "The store did not answer in time. Look at store in portal.toml: for sqlite the folder, its "
    "rights and the disk's space, for datastore the project's quota, status and the service account's role.",
    Outcome.NO_PROVIDER: "No provider is on. Write client_id and client_secret into a provider's table of portal.toml, "
    "or set both in the environment, and start again.",
    Outcome.BROKEN: "A bug. The traceback has the same number; please report it with that.",
}
