"""The stories: each plays red flags, and every signal is shown on the one on which it tells most.

How they are written is said in `pipelines.reference.story`. To show a new kind of behaviour, add
one: its red flags, and its transfers. Which story a signal is shown on follows from the code
(`pipelines.reference.examples`).
"""

from __future__ import annotations

from pipelines.reference.layering_stories import LAYERING
from pipelines.reference.neighbour_stories import AMONG_OTHERS
from pipelines.reference.story import Story

STORIES = (
    Story(
        "collector",
        "People who do not know each other pay it within a day; then everything leaves",
        ("many_unrelated_senders", "rapid_fan_in"),
        """
        1 09:12   A > it          1,200 USDT
        1 10:40   B > it          4,800 USDT
        1 13:05   C > it            950 USDT
        1 15:30   D > it         15,000 USDT
        1 19:45   A > it          3,000 USDT
        2 06:20   E > it          2,500 USDT
        2 11:10   F > it            700 USDT
        2 12:02   it > Z         21,000 USDT
        4 08:30   it > Z          6,900 USDT
        """,
        also=("value_in", "value_out"),
    ),
    Story(
        "rush",
        "Several pay it within the hour, most of them at once",
        ("rapid_fan_in",),
        """
        1 10:00   A > it            500 USDT
        2 09:00   B > it          2,000 USDT
        2 09:02   C > it          1,500 USDT
        2 09:06   D > it          3,000 USDT
        2 09:40   A > it          1,000 USDT
        2 10:15   it > Z          3,200 USDT
        2 11:30   it > Z          4,600 USDT
        """,
        also=("senders_10min", "senders_1h"),
    ),
    Story(
        "relay",
        "What comes in leaves again within minutes",
        ("rapid_pass_through",),
        """
        1 09:00   A > it          8,000 USDT
        1 09:07   it > B          7,990 USDT
        1 14:30   A > it         12,500 USDT
        1 14:36   it > C          7,000 USDT
        1 14:41   it > D          5,500 USDT
        3 11:00   E > it          6,200 USDT
        3 11:04   it > B          6,150 USDT
        4 16:00   A > it          2,000 USDT
        4 19:30   it > B          1,500 USDT
        """,
    ),
    Story(
        "splitter",
        "One receipt is spread over many addresses in half an hour",
        ("rapid_fan_out", "new_receivers"),
        """
        1 08:15   A > it          2,000 USDT
        1 08:40   it > B          1,900 USDT
        2 09:00   A > it         24,000 USDT
        2 09:02   it > B          3,100 USDT
        2 09:03   it > C          2,900 USDT
        2 09:05   it > D          3,300 USDT
        2 09:06   it > E          2,700 USDT
        2 09:08   it > F          3,000 USDT
        2 09:31   it > G          3,050 USDT
        2 09:44   it > H          2,950 USDT
        2 13:20   it > B          2,500 USDT
        """,
    ),
    Story(
        "gatherer",
        "It gathers from several within a day and scatters to several within the next",
        ("gather_scatter",),
        """
        1 08:00   A > it          2,000 USDT
        1 10:10   B > it          3,500 USDT
        1 13:30   C > it          1,800 USDT
        1 20:05   D > it          2,700 USDT
        1 21:00   it > W          2,400 USDT
        1 21:12   it > X          2,600 USDT
        2 09:00   it > Y          2,450 USDT
        2 11:30   it > Z          2,500 USDT
        """,
        also=("sender_evenness",),
    ),
    Story(
        "quick gatherer",
        "It gathers from several and scatters to several within the hour",
        ("gather_scatter",),
        """
        1 09:00   A > it            800 USDT
        1 09:10   B > it            700 USDT
        1 09:25   it > X            650 USDT
        1 09:40   it > Y            750 USDT
        """,
    ),
    Story(
        "peel chain",
        "Most of the balance moves on to a new address each time, a small part is peeled off",
        ("peel_chain",),
        """
        1 10:00   A > it         20,000 USDT
        1 10:20   it > B         18,400 USDT
        1 10:26   it > P          1,000 USDT
        2 09:00   A > it         15,000 USDT
        2 09:15   it > C         13,600 USDT
        2 09:30   it > P          1,200 USDT
        4 12:00   D > it          9,000 USDT
        4 12:30   it > E          8,300 USDT
        """,
    ),
    Story(
        "hopper",
        "Coins are changed for coins within the hour, and end out of an issuer's reach",
        ("stablecoin_hopping", "freezable_to_unfreezable", "one_venue_swapping"),
        """
        1 09:00   A > it         10,000 USDT
        1 09:20   it > router    10,000 USDT
        +         router > it     9,990 USDC
        1 09:45   it > router     9,990 USDC
        +         router > it     9,980 DAI
        1 10:05   it > router     9,980 DAI
        +         router > it      3.98 ETH
        1 10:40   it > B            3.9 ETH
        3 15:00   C > it          6,000 USDC
        3 15:45   it > pool       4,000 USDC
        +         pool > it       3,996 DAI
        3 18:00   it > D          3,900 DAI
        """,
    ),
    Story(
        "into Tether",
        "Other coins come in, are swapped, and leave as USDT",
        ("swapped_to_tether",),
        """
        1 08:00   A > it              4 ETH
        1 08:50   it > router         4 ETH
        +         router > it     9,970 USDT
        1 09:30   it > B          9,900 USDT
        2 14:00   C > it          3,000 USDT
        2 14:45   it > B          2,950 USDT
        4 10:00   D > it            1.5 ETH
        4 10:20   it > router       1.5 ETH
        +         router > it     3,740 USDT
        4 11:00   it > B          3,700 USDT
        """,
    ),
    Story(
        "OTC desk",
        "It takes a sum in, pays nearly the same out, and deals with the same people again",
        ("otc_like_flows",),
        """
        1 10:00   A > it          5,000 USDT
        1 10:22   it > B          4,970 USDT
        1 14:00   B > it          8,000 USDT
        1 14:18   it > A          7,950 USDT
        2 11:00   A > it          5,000 USDT
        2 11:25   it > C          4,970 USDT
        3 10:30   C > it         12,000 USDT
        3 10:55   it > A         11,900 USDT
        4 09:40   A > it          3,000 USDT
        4 16:05   it > D          2,000 USDT
        """,
    ),
    Story(
        "structurer",
        "A large receipt leaves in amounts just below reporting thresholds",
        ("sub_threshold_structuring",),
        """
        1 09:00   A > it         36,000 USDT
        1 10:05   it > B          9,500 USDT
        1 13:20   it > C          9,800 USDT
        1 18:40   it > D          9,500 USDT
        2 11:30   it > E          2,900 USDT
        2 15:10   it > F            950 USDT
        2 17:00   it > G          3,200 USDT
        """,
    ),
    Story(
        "fragmenter",
        "Large receipts are broken into payments below $100",
        ("fragmentation_before_cash_out",),
        """
        1 12:00   A > it            400 USDT
        1 12:04   it > B             90 USDT
        1 12:06   it > C             30 USDT
        1 12:09   it > D             99 USDT
        1 12:15   it > E             35 USDT
        2 09:10   F > it             80 USDT
        2 10:00   A > it            500 USDT
        2 10:05   it > B             38 USDT
        2 10:07   it > G             25 USDT
        2 10:30   it > H            240 USDT
        """,
        also=("variation_out",),
    ),
    Story(
        "consolidator",
        "Small receipts are turned into one large round payment",
        ("small_to_large_consolidation",),
        """
        1 09:00   A > it            120 USDT
        1 11:30   B > it            150 USDT
        1 16:10   C > it            900 USDT
        2 08:20   D > it            180 USDT
        2 12:45   E > it            140 USDT
        2 19:00   A > it            160 USDT
        3 10:10   F > it            170 USDT
        3 10:40   it > Y            120 USDT
        3 12:00   it > Z          1,700 USDT
        """,
        also=("largest_out_share",),
    ),
    Story(
        "groomer",
        "Senders try it with a little, are paid back a little, and send more and more",
        ("grooming_ladder", "inducement_payments"),
        """
        1 18:00   V > it            100 USDT
        2 20:15   X > it            200 USDT
        3 12:30   it > V             10 USDT
        8 19:00   V > it          2,000 USDT
        11 21:10  W > it          3,000 USDT
        14 21:40  X > it          2,500 USDT
        17 10:05  W > it          2,800 USDT
        20 18:30  V > it          9,000 USDT
        25 20:00  X > it          6,000 USDT
        26 09:10  it > Z         25,500 USDT
        """,
        also=("smallest_payment_ratio",),
    ),
    Story(
        "U-turn",
        "Money goes back to where it came from",
        ("u_turn",),
        """
        1 09:00   A > it          5,000 USDT
        3 10:30   it > A          3,000 USDT
        4 15:00   it > B          1,500 USDT
        6 11:20   C > it          2,000 USDT
        9 16:40   it > C          1,900 USDT
        """,
    ),
    Story(
        "burner",
        "Tried with a little, used for one day, then silent",
        ("burst_then_dormancy",),
        """
        1 15:00   A > it             50 USDT
        9 09:00   B > it          8,000 USDT
        9 10:20   C > it         11,000 USDT
        9 11:00   it > D          9,000 USDT
        9 12:30   it > E          9,900 USDT
        22 08:00  it > D            120 USDT
        """,
        rests=150,
        also=("smallest_receipt_ratio", "first_receipt_ratio", "longest_silence_share"),
    ),
    Story(
        "saver",
        "An ordinary wallet, to compare with: a salary, some shopping, some savings",
        (),
        """
        1 09:00   employer > it   2,400 USDT
        3 18:20   it > shop         180 USDT
        12 20:10  it > friend       350 USDT
        31 09:00  employer > it   2,400 USDT
        33 17:45  it > shop         240 USDT
        61 09:00  employer > it   2,400 USDT
        75 12:30  friend > it       100 USDT
        80 19:15  it > shop         410 USDT
        92 09:00  employer > it   2,500 USDT
        """,
    ),
    *AMONG_OTHERS,
    *LAYERING,
)
