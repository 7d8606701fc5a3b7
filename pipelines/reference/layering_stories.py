"""Stories of layering: what becomes of the money beyond the address is half of each."""

from __future__ import annotations

from pipelines.reference.story import Story

LAYERING = (
    Story(
        "layers",
        "A payer's money goes through it and another, over two addresses, to one",
        ("layering_motifs",),
        """
        1 09:00   U > it         6,000 USDT
        1 09:04   U > M          2,000 USDT
        1 09:10   it > A         3,000 USDT
        1 09:12   it > B         2,950 USDT
        1 09:20   M > A          1,200 USDT
        1 09:24   M > B            780 USDT
        1 09:35   A > W          4,150 USDT
        1 09:50   B > W          3,700 USDT
        3 10:00   V > it         1,500 USDT
        3 11:30   it > C           700 USDT
        3 13:00   it > D           790 USDT
        3 16:00   C > X            690 USDT
        3 20:00   D > X            780 USDT
        5 12:00   it > shop         40 USDT
        """,
    ),
    Story(
        "round trip",
        "Money comes back to it over two, three, four and five hops",
        ("layering_motifs",),
        """
        1 08:00   U > it         9,000 USDT
        1 09:00   it > A         1,000 USDT
        1 09:30   A > it           950 USDT
        2 09:00   it > B         2,000 USDT
        2 09:15   B > C          1,990 USDT
        2 09:40   C > it         1,980 USDT
        3 09:00   it > D         3,000 USDT
        3 09:10   D > E          2,990 USDT
        3 09:30   E > F          2,980 USDT
        3 09:50   F > it         2,970 USDT
        4 09:00   it > G         2,500 USDT
        4 09:10   G > H          2,490 USDT
        4 09:20   H > I          2,480 USDT
        4 09:35   I > J          2,470 USDT
        4 09:50   J > it         2,460 USDT
        6 09:00   it > L           400 USDT
        6 19:00   L > it           390 USDT
        7 12:00   it > shop        120 USDT
        """,
    ),
    Story(
        "motorcade",
        "What it pays is driven on from address to address, nearly whole",
        ("layering_motifs",),
        """
        1 08:30   U > it        40,000 USDT
        1 09:10   it > A        39,800 USDT
        1 09:30   A > B         39,500 USDT
        1 09:55   B > C         39,100 USDT
        1 10:20   C > D         38,800 USDT
        1 18:00   D > E         38,500 USDT
        2 09:00   V > it         5,000 USDT
        2 09:40   it > F         4,900 USDT
        2 10:00   F > G          1,500 USDT
        """,
    ),
    Story(
        "peeled on the way",
        "What it pays moves on from address to address, and each peels off a small part",
        ("peel_chain",),
        """
        1 09:00   U > it        30,000 USDT
        1 09:30   it > A        29,900 USDT
        1 09:50   A > B         27,000 USDT
        1 10:05   A > P          2,400 USDT
        1 10:30   B > C         25,000 USDT
        1 10:40   B > Q          1,800 USDT
        1 16:00   C > D         22,500 USDT
        1 16:20   C > P          2,000 USDT
        3 09:00   V > it         2,000 USDT
        3 09:30   it > F         1,990 USDT
        3 09:50   F > G          1,980 USDT
        """,
        also=("peel_hops_1h", "peel_hops_24h"),
    ),
)
