"""The innocent explanations that every alert tries.

Their limits were set on one simulated world, so that many of those who are what is supposed fit
and few launderers do; ``benchmarks/innocence.py`` says how they fare on another. The world's
ordinary populations are themselves assumed (``docs/world.md``), so a fit is a question to ask, not
an answer.
"""

from __future__ import annotations

from models.deposit_address import LEAST_SHARE, MOST_RECEIVERS
from models.innocence.declared import Innocent, Sign

_WORLD = (
    "Unrinse, docs/world.md (populations: {}), an assumption; limits by benchmarks/innocence.py"
)

INNOCENT: tuple[Innocent, ...] = (
    Innocent(
        "exchange_deposit",
        "A customer's deposit address at an exchange",
        "The exchange empties it into its own wallets, whoever its customer is.",
        (
            Sign("paid_exchanges_share", least=LEAST_SHARE),
            Sign("receivers", most=MOST_RECEIVERS),
        ),
        "Griffin and Mei (SSRN 4742235), on deposit addresses; limits of models/deposit_address.py",
        "the exchange's word whose address it is",
    ),
    Innocent(
        "payment_service",
        "A payment service that no list names",
        "Many customers pay it and many are paid by it, all the time, and a float stays.",
        (
            Sign("transfers_in", least=10),
            Sign("transfers_out", least=15),
            Sign("senders", least=8),
            Sign("receivers", least=3),
            Sign("near_empty_share", most=0.6),
            Sign("regulars_share", least=0.5),
        ),
        _WORLD.format("payment_processor, remittance_shop"),
        "its licence or registration, and a dated listing of the address as its own",
    ),
    Innocent(
        "payroll",
        "A firm's wage account",
        "One source tops it up, and the same people are paid in a steady rhythm.",
        (
            Sign("top_sender_share", least=0.5),
            Sign("receiver_share", least=0.6),
            Sign("receipts_per_payment", most=0.7),
            Sign("rhythm_share", least=0.3),
        ),
        _WORLD.format("payroll"),
        "the payroll of the firm, and the employees' contracts",
    ),
    Innocent(
        "merchant",
        "A shop",
        "Many customers pay it, few suppliers are paid, and money rests in between.",
        (
            Sign("senders", least=5),
            Sign("receiver_share", most=0.4),
            Sign("forwarded_24h_share", most=0.25),
            Sign("near_empty_share", most=0.5),
        ),
        _WORLD.format("merchant"),
        "orders and invoices for the larger receipts",
    ),
    Innocent(
        "reciprocal_trade",
        "A trader whose customers buy and sell",
        "The same people pay it and are paid by it, as at a peer-to-peer board or a licensed desk.",
        (
            Sign("two_way_counterparty_share", least=0.1),
            Sign("reciprocal_value_share", least=0.25),
            Sign("senders", least=3),
            Sign("receivers", least=3),
        ),
        "AUSTRAC, Digital currency red flag indicators 2025: reciprocal trade is also a sign of an "
        "unlicensed desk; limits by benchmarks/innocence.py",
        "its licence or its account at the trading board, and the orders",
    ),
    Innocent(
        "fundraiser",
        "A fundraiser or a charity",
        "Many give once, money gathers, and few projects are paid.",
        (
            Sign("senders", least=6),
            Sign("once_only_sender_share", least=0.5),
            Sign("receiver_share", most=0.35),
            Sign("forwarded_24h_share", most=0.25),
        ),
        _WORLD.format("charity"),
        "the public appeal that names the address, and the accounts of what was paid",
    ),
    Innocent(
        "savings_circle",
        "A savings circle",
        "Members pay the same sum again and again, and each is paid out in turn.",
        (
            Sign("repeated_in_share", least=0.6),
            Sign("reciprocal_value_share", least=0.5),
            Sign("senders", least=5),
        ),
        _WORLD.format("savings_circle"),
        "the members, and the order in which they are paid out",
    ),
    Innocent(
        "market_maker",
        "A market maker or an arbitrage bot",
        "It deals to and fro with the same few venues, again and again.",
        (
            Sign("reciprocal_value_share", least=0.4),
            Sign("transfers_per_counterparty", least=3.0),
            Sign("regulars_share", least=0.7),
        ),
        _WORLD.format("market_maker, arbitrage_bot"),
        "the trading records at the venues",
    ),
    Innocent(
        "own_wallets",
        "Wallets of one owner",
        "Value goes to and fro between few addresses, as between somebody's own wallets.",
        (
            Sign("reciprocal_value_share", least=0.3),
            Sign("senders", most=10),
            Sign("receivers", most=25),
        ),
        _WORLD.format("airdrop_farmer, hobbyist"),
        "proof, such as a signed message, that one person controls the counterparties too",
    ),
    Innocent(
        "treasury",
        "A treasury",
        "A few large receipts rest for long, and are spent little by little.",
        (
            Sign("top_sender_share", least=0.5),
            Sign("senders", most=6),
            Sign("retained_share", least=0.2),
            Sign("forwarded_24h_share", most=0.3),
        ),
        _WORLD.format("treasury"),
        "the decisions (board, votes) behind the payments",
    ),
    Innocent(
        "quiet_history",
        "An ordinary saver with a long quiet history",
        "It has been in use for long, is used seldom, and what comes stays.",
        (
            Sign("days_in_use", least=90.0),
            Sign("active_day_share", most=0.25),
            Sign("forwarded_24h_share", most=0.15),
            Sign("near_empty_share", most=0.5),
        ),
        _WORLD.format("holder, saver"),
        "the owner's account of the larger receipts, and where they came from",
    ),
)
"""All of them; no two have one name."""
