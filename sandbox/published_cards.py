"""Stripe's published test cards: their numbers, the names they go by, and what each does when it is charged."""

from dataclasses import dataclass

# (code, decline_code, message)
Reason = tuple[str, str | None, str]


@dataclass(frozen=True)
class Card:
    """`decline` applies at every charge and at attaching, `later_decline` only off-session after the first payment."""

    number: str
    brand: str = "visa"
    funding: str = "credit"
    decline: Reason | None = None
    later_decline: Reason | None = None
    asks_authentication: bool = False
    always_asks: bool = False  # off-session too, and after an earlier approval
    decline_approved: Reason | None = None  # once its holder approved
    disputes: tuple[tuple[str, str], ...] = ()  # (reason, status)
    fraud_warning: bool = False
    refund: str = "succeeded"  # or "pending" (succeeds later), "failing" (fails later)


GENERIC = ("card_declined", "generic_decline", "Your card was declined.")
FUNDS = ("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = ("card_declined", "lost_card", "Your card was declined.")
STOLEN = ("card_declined", "stolen_card", "Your card was declined.")
VELOCITY = ("card_declined", "card_velocity_exceeded", "Your card was declined for making repeated attempts too "
            "frequently or exceeding its amount limit.")  # fmt: skip
BLOCKED = ("card_declined", "fraudulent", "Your card was declined.")
EXPIRED = ("expired_card", None, "Your card has expired.")
CVC = ("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING = ("processing_error", None, "An error occurred while processing your card. Try again in a little bit.")
FRAUDULENT = (("fraudulent", "needs_response"),)

CARDS = {
    card.number: card
    for card in (
        Card("4242424242424242"),
        Card("4000056655665556", funding="debit"),
        Card("5555555555554444", brand="mastercard"),
        Card("5200828282828210", brand="mastercard", funding="debit"),
        Card("5105105105105100", brand="mastercard", funding="prepaid"),
        Card("378282246310005", brand="amex"),
        Card("6011111111111117", brand="discover"),
        Card("3056930009020004", brand="diners"),
        Card("3566002020360505", brand="jcb"),
        Card("6200000000000005", brand="unionpay"),
        Card("4000000000000077"),  # its money is available at once: balances are not modelled
        Card("4000000000000002", decline=GENERIC),
        Card("4000000000009995", decline=FUNDS),
        Card("4000000000009987", decline=LOST),
        Card("4000000000009979", decline=STOLEN),
        Card("4000000000006975", decline=VELOCITY),
        Card("4100000000000019", decline=BLOCKED),
        Card("4000000000000069", decline=EXPIRED),
        Card("4000000000000127", decline=CVC),
        Card("4000000000000119", decline=PROCESSING),
        Card("4000000000000341", later_decline=GENERIC),
        Card("4000002500003155", asks_authentication=True),
        Card("4000003800000446", asks_authentication=True),
        Card("4000002760003184", asks_authentication=True, always_asks=True),
        Card("4000000000003220", asks_authentication=True, always_asks=True),
        Card("4000000000003063", asks_authentication=True, always_asks=True),
        Card("4000000000003055"),  # supports 3-D Secure, does not require it
        Card("4000008400001629", asks_authentication=True, always_asks=True, decline_approved=GENERIC),
        Card("4000008400001280", asks_authentication=True, always_asks=True, decline_approved=PROCESSING),
        Card("4000008260003178", asks_authentication=True, always_asks=True, decline_approved=FUNDS),
        Card("4000000000000259", disputes=FRAUDULENT),
        Card("4000000000002685", disputes=(("product_not_received", "needs_response"),)),
        Card("4000000000001976", disputes=(("fraudulent", "warning_needs_response"),)),
        Card("4000000404000079", disputes=FRAUDULENT * 2),
        Card("4000000000005423", fraud_warning=True),
        Card("4000000000005126", refund="failing"),
        Card("4000000000007726", refund="pending"),
    )
}
# What follows `pm_card_` and `tok_` in the names of ready-made payment methods and tokens.
NAMES = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "mastercard_debit": "5200828282828210",
    "mastercard_prepaid": "5105105105105100",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "diners": "3056930009020004",
    "jcb": "3566002020360505",
    "unionpay": "6200000000000005",
    "bypassPending": "4000000000000077",
    "chargeDeclined": "4000000000000002",
    "visa_chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedLostCard": "4000000000009987",
    "visa_chargeDeclinedStolenCard": "4000000000009979",
    "visa_chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "radarBlock": "4100000000000019",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequiredOnSetup": "4000002500003155",
    "authenticationRequiredSetupForOffSession": "4000003800000446",
    "authenticationRequired": "4000002760003184",
    "authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "threeDSecure2Required": "4000000000003220",
    "threeDSecureRequired": "4000000000003063",
    "threeDSecureOptional": "4000000000003055",
    "threeDSecureRequiredChargeDeclined": "4000008400001629",
    "threeDSecureRequiredProcessingError": "4000008400001280",
    "createDispute": "4000000000000259",
    "createDisputeProductNotReceived": "4000000000002685",
    "createDisputeInquiry": "4000000000001976",
    "createMultipleDisputes": "4000000404000079",
    "createIssuerFraudRecord": "4000000000005423",
    "refundFail": "4000000000005126",
    "pendingRefund": "4000000000007726",
}
NAMED = {f"{prefix}{name}": number for name, number in NAMES.items() for prefix in ("pm_card_", "tok_")}
