"""The keys of [relay], the bundled SMTP and LMTP relay: off unless the table is there."""

from __future__ import annotations

from postroom.config import mail_values as mail
from postroom.config import net_values as net
from postroom.config import values as v
from postroom.config.config_key import Key
from postroom.config.settings import Tls

LISTEN = Key("relay.listen", net.listen(), "127.0.0.1:2525", "host:port or unix:/path, or a list of them")
PROTOCOL = Key("relay.protocol", v.word(("smtp", "lmtp")), "smtp", "what is spoken there")
MAILDIR = Key("relay.maildir", v.text("the name of a Maildir"), "relay", "the [maildir.NAME] it fills")
HOSTNAME = Key("relay.hostname", v.optional(mail.host()), None, "what it calls itself")
TLS = Key("relay.tls", v.choice(Tls), "off", "how connections are encrypted")
TLS_CERT = Key("relay.tls_cert", v.path(), None, "PEM file of its certificate and chain")
TLS_KEY = Key("relay.tls_key", v.path(), None, "PEM file of the certificate's key")
TLS_REQUIRE = Key("relay.tls_require", v.boolean(), False, "whether mail is refused before STARTTLS")
ALLOW = Key(
    "relay.allow", v.listing(net.network(), "networks"), ["127.0.0.0/8", "::1/128"], "who may connect"
)
UNCAPPED = Key(
    "relay.uncapped", v.listing(net.network(), "networks"), [], "who has no cap of its own on sessions"
)
MAX_MESSAGE = Key(
    "relay.max_message", v.optional(v.size("1KiB", "2GiB")), None, "the biggest message that is taken"
)
RECIPIENTS = Key("relay.recipients", v.whole(1, 10_000), 100, "the most recipients of one message")
SESSIONS = Key("relay.sessions", v.whole(1, 100_000), 2000, "the most sessions at once")
PER_ADDRESS = Key("relay.sessions_per_address", v.whole(1, 100_000), 100, "the most sessions of one address")
IDLE = Key("relay.idle", v.duration("1s", "1h"), "5m", "how long a client may be silent")
SESSION = Key("relay.session", v.duration("1s", "1d"), "1h", "how long one connection may last")
PROCESSES = Key(
    "relay.processes", v.optional(v.whole(1, 64)), None, "how many processes serve; `postroom relay` only"
)
