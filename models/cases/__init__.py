"""Cases: alerts that belong together, and why.

A launderer has many addresses, and each may raise an alert of its own. Alerts are one case where
money or time ties them: one paid the other, both paid the same address, and so on
(`models.cases.limits.Kind`). Read `limits` (what may tie, and what never does), `ground` (the
transfers that matter), `links` (each tie with the transfers it rests on), `grouping` (ties become
cases) and `accounts` (what a case moved, and through whom).

A tie says that two addresses dealt with each other or with the same third. It says nothing about
who that third is, and nobody becomes a suspect by it.
"""
