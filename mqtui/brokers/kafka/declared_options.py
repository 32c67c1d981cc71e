"""The options a Kafka address accepts: mqtui's own, librdkafka's properties [2.16], and other clients' names for them.

librdkafka's CONFIGURATION.md explains each property. Those that mqtui sets itself are in `config.RESERVED`.
"""

from __future__ import annotations

from mqtui.brokers.options import LOGIN_IN_URL, ForeignOption, Option, OptionKind, Section, as_yes_no, declare_options

HIGHLIGHTED = (
    Option(
        "sasl.mechanism",
        "PLAIN (default), SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI",
        section=Section.LOGIN,
        choices=("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"),
    ),
    Option("client.rack", "the rack of this machine, so that the nearest replica is read"),
    Option("sasl.oauthbearer.client.secret", "the secret of an OIDC client", OptionKind.SECRET, Section.LOGIN),
    Option("ssl.keystore.password", "the password of a PKCS#12 keystore", OptionKind.SECRET, Section.TLS),
)
"""Options that help texts list."""

FILE_PROPERTIES = """
https.ca.location offset.store.path sasl.kerberos.keytab sasl.oauthbearer.assertion.file
sasl.oauthbearer.assertion.jwt.template.file sasl.oauthbearer.assertion.private.key.file ssl.ca.location
ssl.certificate.location ssl.crl.location ssl.engine.location ssl.key.location ssl.keystore.location
"""
SECRET_PROPERTIES = """
sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem
sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.config ssl.key.password ssl.key.pem
"""
OTHER_PROPERTIES = """
api.version.fallback.ms api.version.request api.version.request.timeout.ms auto.commit.interval.ms batch.num.messages
batch.size broker.address.family broker.address.ttl broker.version.fallback builtin.features check.crcs
client.dns.lookup client.id client.software.name client.software.version compression.codec compression.level
compression.type connections.max.idle.ms consume.callback.max.messages coordinator.query.interval.ms debug
delivery.report.only.error delivery.timeout.ms enable.gapless.guarantee enable.metrics.push enable.random.seed
enable.sasl.oauthbearer.unsecure.jwt enable.sparse.connections enable.ssl.certificate.verification
fetch.error.backoff.ms fetch.max.bytes fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms
fetch.wait.max.ms group.protocol group.protocol.type group.remote.assignor heartbeat.interval.ms https.ca.pem
linger.ms log.connection.close log.queue log.thread.name max.in.flight max.in.flight.requests.per.connection
max.partition.fetch.bytes max.poll.interval.ms message.copy.max.bytes message.max.bytes message.send.max.retries
message.timeout.ms metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy
metadata.request.timeout.ms partition.assignment.strategy queue.buffering.backpressure.threshold
queue.buffering.max.kbytes queue.buffering.max.messages queue.buffering.max.ms queued.max.messages.kbytes
queued.min.messages queuing.strategy receive.message.max.bytes reconnect.backoff.jitter.ms reconnect.backoff.max.ms
reconnect.backoff.ms request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms sasl.kerberos.kinit.cmd
sasl.kerberos.min.time.before.relogin sasl.kerberos.principal sasl.kerberos.service.name sasl.mechanisms
sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.id
sasl.oauthbearer.extensions sasl.oauthbearer.grant.type sasl.oauthbearer.metadata.authentication.type
sasl.oauthbearer.method sasl.oauthbearer.scope sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url
session.timeout.ms socket.blocking.max.ms socket.connection.setup.timeout.ms socket.keepalive.enable
socket.max.fails socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms
ssl.ca.certificate.stores ssl.ca.pem ssl.certificate.pem ssl.cipher.suites ssl.curves.list
ssl.endpoint.identification.algorithm ssl.engine.id ssl.providers ssl.sigalgs.list statistics.interval.ms
sticky.partitioning.linger.ms topic.blacklist topic.metadata.propagation.max.ms topic.metadata.refresh.fast.cnt
topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse
"""

PROTOCOL_IN_URL = ForeignOption(hint="kafka+ssl:// asks for TLS; a login (user@host) or sasl.mechanism asks for SASL.")
RESERVED_HINT = ForeignOption(hint="mqtui's guarantees depend on it: leave it out.")

DECLARED = declare_options(
    "Kafka",
    (
        *HIGHLIGHTED,
        *(Option(name, kind=OptionKind.FILE) for name in FILE_PROPERTIES.split()),
        *(Option(name, kind=OptionKind.SECRET) for name in SECRET_PROPERTIES.split()),
        *(Option(name) for name in OTHER_PROPERTIES.split()),
    ),
    {
        "security.protocol": PROTOCOL_IN_URL,
        "security_protocol": PROTOCOL_IN_URL,
        "sasl_mechanism": ForeignOption("sasl.mechanism"),
        "sasl_mechanisms": ForeignOption("sasl.mechanism"),
        "sasl.username": LOGIN_IN_URL,
        "sasl.password": LOGIN_IN_URL,
        "sasl_username": LOGIN_IN_URL,
        "sasl_password": LOGIN_IN_URL,
        "sasl_plain_username": LOGIN_IN_URL,
        "sasl_plain_password": LOGIN_IN_URL,
        "sasl.jaas.config": LOGIN_IN_URL,
        "ssl_ca_location": ForeignOption("tls.ca"),
        "ssl.truststore.location": ForeignOption(hint="Write tls.ca with a PEM file; Java's truststores are not read."),
        "ssl.truststore.password": ForeignOption(hint="Write tls.ca with a PEM file; Java's truststores are not read."),
        "enable_ssl_certificate_verification": ForeignOption("tls.verify", as_yes_no),
        "client_id": ForeignOption("client.id"),
        **dict.fromkeys(
            ("group.id", "group_id", "isolation.level", "enable.idempotence", "transactional.id"), RESERVED_HINT
        ),
        **dict.fromkeys(
            ("acks", "partitioner", "enable.auto.commit", "auto.offset.reset", "bootstrap.servers"), RESERVED_HINT
        ),
    },
)
