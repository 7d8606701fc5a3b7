"""What is prepared of a store for lists of addresses, so that a short one reads little of it.

What a list needs of the transfers depends on what is asked. Its own transfers are few; what its
counterparties had done before rests on theirs, and on those of their counterparties: two steps from
a thousand addresses lie nearly all transfers of a ledger with busy addresses. So the passes over
all transfers (`features.passes`) are made once, for one question, and what they find is kept
address by address, beside each transfer (`pipelines.prepared.making`). A list then reads its own
addresses and no others (`pipelines.prepared.lists`).
"""
