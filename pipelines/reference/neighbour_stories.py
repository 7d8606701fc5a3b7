"""Stories in which it matters whom the address dealt with: services, listed parties, neighbours."""

from __future__ import annotations

from pipelines.reference.story import Story

AMONG_OTHERS = (
    Story(
        "cash-out",
        "Receipts end at an exchange, over several of its addresses",
        ("cash_out",),
        """
        1 07:00   B > exchange    1,800 USDT
        1 07:30   B > shop          200 USDT
        1 09:00   A > it          9,000 USDT
        1 11:30   it > deposit 1  4,000 USDT
        2 10:15   it > deposit 2  3,000 USDT
        2 14:00   it > B          1,000 USDT
        3 09:45   exchange > it     500 USDT
        4 12:20   it > deposit 1  1,400 USDT
        """,
    ),
    Story(
        "bridge user",
        "Money crosses from chain to chain, with a swap in between",
        ("cross_chain_hop",),
        """
        1 08:30   A > it             6,000 USDT
        1 09:10   it > bridge 1      5,000 USDT
        1 09:24   bridge 1 > it      4,990 USDT@arbitrum
        3 12:58   C > bridge 2       2,510 USDT@tron
        3 13:10   bridge 2 > it      2,500 USDT
        3 13:30   it > router        2,500 USDT
        +         router > it        2,495 DAI
        3 14:10   it > bridge 1      2,490 DAI
        3 14:25   bridge 1 > it      2,485 DAI@arbitrum
        5 10:00   it > bridge 1        900 USDT
        5 10:30   bridge 1 > K         300 USDT@arbitrum
        5 12:00   it > B                80 USDT
        """,
    ),
    Story(
        "newcomer",
        "Its first money comes over a bridge, from a chain with low fees",
        ("low_fee_chain_preference",),
        """
        1 09:00   K > bridge         4,020 USDT@tron
        1 09:12   bridge > it        4,000 USDT
        1 11:00   A > it               500 USDT
        1 15:20   it > B             4,300 USDT
        4 10:00   C > it             1,500 USDT
        4 16:30   it > B             1,400 USDT
        """,
        also=("first_arrival_bridge_share",),
    ),
    Story(
        "marketplace customer",
        "It deals with a guarantee marketplace, and a mixer gets part of the money",
        ("guarantee_marketplace_exposure",),
        """
        1 07:10   mixer > C           900 USDT
        1 07:30   C > A             1,000 USDT
        1 08:00   marketplace > A   1,500 USDT
        1 08:20   D > A             1,500 USDT
        1 08:40   B > mixer         1,000 USDT
        1 08:50   B > shop          1,500 USDT
        1 10:00   marketplace > it  4,000 USDT
        1 13:00   A > it            3,000 USDT
        2 09:20   it > mixer        2,000 USDT
        2 11:00   it > B            3,200 USDT
        3 16:30   it > marketplace  1,500 USDT
        """,
    ),
    Story(
        "fresh wallets",
        "Young wallets, filled at an exchange, are emptied by the one payment to it",
        ("drained_fresh_wallets",),
        """
        1 09:00   exchange > Y    6,000 USDT
        40 08:00  exchange > V    5,000 USDT
        40 08:30  exchange > W    8,000 USDT
        40 10:00  exchange > S    3,000 USDT
        40 12:00  exchange > T    1,000 USDT
        40 14:00  S > T           2,500 USDT
        41 10:00  V > it          4,990 USDT
        41 11:20  Y > it          2,000 USDT
        41 15:40  W > it          7,950 USDT
        42 09:30  T > it          3,000 USDT
        42 12:00  it > Z         17,500 USDT
        """,
    ),
    Story(
        "approvals signed",
        "Young wallets whose owners had signed approvals are emptied by transfers it sends",
        ("drained_fresh_wallets",),
        """
        30 09:00  exchange > V    4,000 USDT
        31 10:00  exchange > W    2,500 USDT
        33 11:00  exchange > S    6,000 USDT
        35 09:30  V > it          4,000 USDT by it
        35 09:31  W > it          2,500 USDT by it
        36 15:00  S > it          5,990 USDT
        36 15:40  B > it            900 USDT
        36 18:00  it > Z         13,000 USDT
        """,
        also=("taken_from_young_share",),
    ),
    Story(
        "a few payments away",
        "Nobody it deals with is on a list, but those they had dealt with are",
        (),
        """
        1 08:00   marketplace > C   2,000 USDT
        1 09:00   C > A             1,900 USDT
        1 10:00   frozen > D        3,000 USDT
        1 11:00   D > A             2,500 USDT
        2 09:00   P > deposit         700 USDT
        2 10:00   Q > P               800 USDT
        2 11:00   Q > frozen          400 USDT
        2 12:00   R > marketplace     300 USDT
        3 09:00   A > it            4,000 USDT
        3 10:00   it > Q            2,000 USDT
        3 11:00   it > R            1,900 USDT
        """,
        also=(
            "hops_to_exchange",
            "hops_to_listed",
            "hops_to_marketplace",
            "hops_to_frozen",
            "hops_from_listed",
            "hops_from_marketplace",
            "hops_from_frozen",
        ),
    ),
    Story(
        "among relays",
        "It is paid by a wallet that passes everything on, and pays others like it",
        (),
        """
        1 09:00   A > B           1,000 USDT
        1 09:30   B > P             990 USDT
        3 09:00   A > B           1,500 USDT
        3 10:30   B > Q           1,490 USDT
        5 09:00   A > B           2,000 USDT
        5 09:20   B > P           1,990 USDT
        7 15:00   E > B             700 USDT
        7 16:00   E > shop          300 USDT
        40 09:00  C > it          9,000 USDT
        40 10:10  it > B          4,000 USDT
        40 11:00  it > D          3,000 USDT
        40 13:00  it > E          1,900 USDT
        41 09:30  B > it          3,900 USDT
        41 10:15  it > D          3,800 USDT
        """,
        also=(
            "quick_sender_share",
            "quick_receiver_share",
            "receivers_feeding_quick",
            "young_receiver_share",
        ),
    ),
    Story(
        "between hubs",
        "It is paid by one who pays many, and pays one whom many pay",
        (),
        """
        1 09:00   S > P1..P10       200 USDT
        1 12:00   Q1..Q10 > G       300 USDT
        2 09:00   S > it          2,000 USDT
        2 10:20   A > it          1,000 USDT
        2 12:00   it > G          1,800 USDT
        2 13:30   it > B          1,000 USDT
        """,
        also=("spreading_sender_share", "gathering_receiver_share"),
    ),
    Story(
        "funded wallet",
        "Its first coins for fees come from one who had given many wallets theirs",
        ("shared_gas_funder",),
        """
        1 09:00   F > P1..P6       0.05 ETH
        2 09:00   F > it           0.05 ETH
        2 10:30   A > it          3,000 USDT
        2 11:10   it > B          2,900 USDT
        4 09:00   F > it           0.02 ETH
        4 10:00   A > it          2,000 USDT
        4 10:25   it > B          2,050 USDT
        """,
    ),
)
