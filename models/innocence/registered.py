"""The innocent explanations that every alert tries.

Their limits were set on one simulated world, so that those who are what is supposed fit and few
launderers do; ``benchmarks/innocence.py`` says how they fare on others. The world's ordinary
populations are themselves assumed (``docs/world.md``): a fit is a question to ask, no answer.
"""

from __future__ import annotations

from models.deposit_address import LEAST_SHARE, MOST_RECEIVERS
from models.innocence.declared import Innocent, Sign

_SET = "limits set on the synthetic world, see docs/innocent-explanations.md"
_WORLD = f"the synthetic world’s ordinary people and firms (docs/world.md); {_SET}"

_RESTS = Sign("forwarded_24h_share", most=0.25, tells=True)
_NOT_AT_ONCE = Sign("busiest_day_in_share", most=0.55)
_SOME_TIME = Sign("days_in_use", least=21.0)

INNOCENT: tuple[Innocent, ...] = (
    Innocent(
        "exchange_deposit",
        "A customer's deposit address at an exchange",
        "The exchange empties it into its own wallets, whoever its customer is.",
        (
            Sign("paid_exchanges_share", least=LEAST_SHARE, tells=True),
            Sign("receivers", most=MOST_RECEIVERS),
        ),
        "Griffin and Mei (SSRN 4742235), on deposit addresses; the limits at which Unrinse calls "
        "an address one (docs/statuses-and-bands.md)",
        "the exchange's word whose address it is",
    ),
    Innocent(
        "payment_service",
        "A payment service that no list names",
        "Many customers pay it and many are paid by it, week after week, and a float stays.",
        (
            Sign("transfers_in", least=20),
            Sign("transfers_out", least=20),
            Sign("party_senders", least=10),
            Sign("party_receivers", least=3),
            Sign("retained_share", least=0.01),
            Sign("near_empty_share", most=0.5),
            Sign("regulars_share", least=0.5, tells=True),
            _NOT_AT_ONCE,
            _SOME_TIME,
        ),
        _WORLD,
        "its licence or registration, and a dated listing of the address as its own",
    ),
    Innocent(
        "remittance_shop",
        "A remittance shop",
        "Customers bring money, and as many or more families abroad are paid out of a float.",
        (
            Sign("party_senders", least=5),
            Sign("party_receivers", least=8),
            Sign("transfers_out", least=20),
            Sign("retained_share", least=0.02),
            Sign("near_empty_share", most=0.4, tells=True),
            Sign("top_receiver_share", most=0.5),
            Sign("balanced_share", most=0.05),
            _NOT_AT_ONCE,
            _SOME_TIME,
        ),
        _WORLD,
        "its licence or registration as a money transmitter, and the customers' orders",
    ),
    Innocent(
        "payroll",
        "A firm's wage account",
        "One source tops it up, and the same people are paid in a steady rhythm.",
        (
            Sign("top_sender_share", least=0.5),
            Sign("receiver_share", least=0.6),
            Sign("receipts_per_payment", most=0.7),
            Sign("party_receivers", least=4),
            Sign("rhythm_share", least=0.2, tells=True),
        ),
        _WORLD,
        "the payroll of the firm, and the employees' contracts",
    ),
    Innocent(
        "earner",
        "A wage earner or a freelancer",
        "The same few pay it in a steady rhythm, and it is spent from there.",
        (
            Sign("income_rhythm_share", least=0.4, tells=True),
            Sign("top_party_share", least=0.5),
            Sign("party_senders", most=5),
            Sign("transfers_in", most=60),
            Sign("variation_in", most=2.0),
            Sign("days_in_use", least=45.0),
        ),
        _WORLD,
        "the contract of work, or invoices to those who pay",
    ),
    Innocent(
        "merchant",
        "A shop",
        "Many customers pay it, few suppliers are paid, and money rests in between.",
        (
            Sign("party_senders", least=6),
            Sign("receiver_share", most=0.4),
            Sign("top_party_share", most=0.6),
            Sign("near_empty_share", most=0.5),
            Sign("balanced_share", most=0.05),
            Sign("retained_share", least=0.03),
            _RESTS,
            _NOT_AT_ONCE,
            _SOME_TIME,
        ),
        _WORLD,
        "orders and invoices for the larger receipts",
    ),
    Innocent(
        "reciprocal_trade",
        "A trader whose customers buy and sell",
        "The same people pay it and are paid by it, as at a peer-to-peer board or a licensed desk.",
        (
            Sign("balanced_share", least=0.05, tells=True),
            Sign("balanced_parties", least=2),
            Sign("party_senders", least=4),
            Sign("party_receivers", least=4),
            Sign("induced_value_share", most=0.1),
        ),
        "AUSTRAC, Digital currency red flag indicators 2025: reciprocal trade is also a sign of an "
        f"unlicensed desk; {_SET}",
        "its licence or its account at the trading board, and the orders",
    ),
    Innocent(
        "fundraiser",
        "A fundraiser or a charity",
        "Many give once, money gathers, and few projects are paid.",
        (
            Sign("party_senders", least=10),
            Sign("once_only_sender_share", least=0.55),
            Sign("top_party_share", most=0.5),
            Sign("receiver_share", most=0.33),
            Sign("retained_share", least=0.03),
            _RESTS,
            _NOT_AT_ONCE,
            _SOME_TIME,
        ),
        _WORLD,
        "the public appeal that names the address, and the accounts of what was paid",
    ),
    Innocent(
        "savings_circle",
        "A savings circle",
        "Members pay the same sum again and again, and each is paid out in turn.",
        (
            Sign("repeated_in_share", least=0.6, tells=True),
            Sign("reciprocal_value_share", least=0.5),
            Sign("party_senders", least=5),
        ),
        _WORLD,
        "the members, and the order in which they are paid out",
    ),
    Innocent(
        "market_maker",
        "A market maker or an arbitrage bot",
        "It deals to and fro with the same few venues, again and again.",
        (
            Sign("reciprocal_value_share", least=0.4, tells=True),
            Sign("transfers_per_counterparty", least=3.0),
            Sign("regulars_share", least=0.7),
            Sign("transfers_in", least=12),
            Sign("transfers_out", least=12),
        ),
        _WORLD,
        "the trading records at the venues",
    ),
    Innocent(
        "own_wallets",
        "Wallets of one owner",
        "Value goes to and fro between few addresses, as between somebody's own wallets.",
        (
            Sign("balanced_share", least=0.15, tells=True),
            Sign("party_senders", most=9),
            Sign("party_receivers", most=20),
        ),
        _WORLD,
        "proof, such as a signed message, that one person controls the counterparties too",
    ),
    Innocent(
        "own_transit",
        "A wallet on its owner's own way to another chain, or back",
        "What comes goes on to the same address on another chain, or back to who paid it first.",
        (
            Sign("own_way_share", least=0.5, tells=True),
            Sign("party_senders", most=3),
        ),
        f"an assumption about how people move their own money; {_SET}",
        "a signed message from the address on the other chain, or from the one that paid first",
    ),
    Innocent(
        "treasury",
        "A treasury",
        "A few large receipts rest for long, and are spent little by little.",
        (
            Sign("top_party_share", least=0.5),
            Sign("party_senders", most=6),
            Sign("party_receivers", least=3),
            Sign("retained_share", least=0.2, tells=True),
            Sign("forwarded_24h_share", most=0.1),
            Sign("days_in_use", least=45.0),
        ),
        _WORLD,
        "the decisions (board, votes) behind the payments",
    ),
    Innocent(
        "quiet_history",
        "An ordinary saver with a long quiet history",
        "It has been in use for long, is used seldom and without bursts, and what comes stays.",
        (
            Sign("days_in_use", least=90.0),
            Sign("active_day_share", most=0.3),
            Sign("transfers_in", most=40),
            Sign("transfers_out", most=25),
            Sign("burstiness", most=0.4),
            Sign("forwarded_24h_share", most=0.1),
            Sign("near_empty_share", most=0.5),
            Sign("retained_share", least=0.05, tells=True),
        ),
        _WORLD,
        "the owner's account of the larger receipts, and where they came from",
    ),
)
"""All of them; no two have one name."""
