"""What went wrong with an order, a refund or a payment, in the words of a Java application.

The shop's consumers tell failures as Java exceptions, because the dead letters they write are those of Spring and
Kafka Connect: a class, a message and a stack trace as ``Throwable.printStackTrace`` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A Java exception: fully qualified class, message, stack frames without the leading ``at``, and its cause."""

    exception: str
    message: str
    frames: tuple[str, ...]
    cause: Failure | None = None

    def heading(self) -> str:
        """Give ``Throwable.toString()``."""
        return f"{self.exception}: {self.message}"

    def root(self) -> Failure:
        """Follow the causes to the last one."""
        failure = self
        while failure.cause is not None:
            failure = failure.cause
        return failure

    def caused_by(self, *, frames_in_common: int) -> str:
        """Print this failure and its causes as the ``Caused by:`` part of an outer stack trace.

        ``frames_in_common`` is the number that Java abbreviates as ``... 31 more`` at the end of each part that has
        frames of its own.
        """
        lines = [f"Caused by: {self.heading()}", *(f"\tat {frame}" for frame in self.frames)]
        if self.frames:
            lines.append(f"\t... {frames_in_common} more")
        text = "\n".join(lines) + "\n"
        return text if self.cause is None else text + self.cause.caused_by(frames_in_common=frames_in_common + 3)

    def stack_trace(self) -> str:
        """Print this failure as an outermost one, its causes below."""
        text = "\n".join([self.heading(), *(f"\tat {frame}" for frame in self.frames)]) + "\n"
        return text if self.cause is None else text + self.cause.caused_by(frames_in_common=len(self.frames))


def schema_mismatch(field: str) -> Failure:
    """Billing misses a field of the order: an old checkout still writes the schema before last."""
    return Failure(
        "shop.billing.SchemaMismatch",
        f'field "{field}" missing',
        ("shop.billing.Parser.parse(Parser.java:88)", "shop.billing.Consumer.handle(Consumer.java:41)"),
    )


def number_format(text: str) -> Failure:
    """An amount was written as text that is no number; the message is the one of ``new BigDecimal``'s callers."""
    return Failure(
        "java.lang.NumberFormatException",
        f'For input string: "{text}"',
        (
            "java.base/java.lang.NumberFormatException.forInputString(NumberFormatException.java:67)",
            "java.base/java.lang.Double.parseDouble(Double.java:963)",
            "shop.billing.Parser.amount(Parser.java:112)",
            "shop.billing.Consumer.handle(Consumer.java:41)",
        ),
    )


def not_json(token: str) -> Failure:
    """The body is no JSON at all; Jackson's message has a second line with the place."""
    return Failure(
        "com.fasterxml.jackson.core.JsonParseException",
        f"Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token)\n"
        " at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "
        f"line: 1, column: {len(token) + 1}]",
        (
            "com.fasterxml.jackson.core.JsonParser._constructError(JsonParser.java:2584)",
            "com.fasterxml.jackson.databind.ObjectMapper.readTree(ObjectMapper.java:3310)",
        ),
    )


def payment_timeout(milliseconds: int) -> Failure:
    """The payment provider did not answer; Spring's HTTP client wraps the real cause once more."""
    return Failure(
        "org.springframework.web.client.ResourceAccessException",
        'I/O error on POST request for "http://payments.shop/charges": no answer',
        (
            "org.springframework.web.client.RestTemplate.doExecute(RestTemplate.java:905)",
            "shop.billing.Payments.charge(Payments.java:57)",
            "shop.billing.Consumer.handle(Consumer.java:44)",
        ),
        cause=Failure(
            "shop.billing.PaymentTimeout",
            f"payments did not answer within {milliseconds} ms",
            ("shop.billing.Payments.await(Payments.java:83)", "shop.billing.Payments.charge(Payments.java:55)"),
        ),
    )


def tax_number_unknown(number: str) -> Failure:
    """The invoicing service knows no customer with this tax number."""
    return Failure(
        "shop.invoicing.UnknownTaxNumber",
        f"no customer with tax number {number}",
        ("shop.invoicing.Customers.find(Customers.java:64)", "shop.invoicing.Listener.on(Listener.java:33)"),
    )


def card_declined(code: int) -> Failure:
    """The bank refused the card."""
    return Failure(
        "shop.refunds.CardDeclined",
        f"the bank answered {code}",
        ("shop.refunds.Bank.refund(Bank.java:102)", "shop.refunds.Refunds.handle(Refunds.java:29)"),
    )


def ledger_locked(milliseconds: int) -> Failure:
    """Another booking run held the ledger."""
    return Failure(
        "shop.ledger.LedgerLocked",
        f"the ledger was locked for {milliseconds} ms",
        ("shop.ledger.Ledger.book(Ledger.java:211)", "shop.refunds.Refunds.handle(Refunds.java:31)"),
    )
