"""Roles: who an address is, settled before anybody is shown as a suspect.

A victim's wallet looks much like a mule's: money comes in, and is sent on to people it never paid
before. A false alarm on a victim is the worst there is, so the question of the victim comes first,
and a band is given only where it is answered (`models.roles.settling`):

1. is it a **victim's** wallet, a launderer's, or neither? Trees on three classes;
2. if a launderer's: which part does it play? Trees on the launderers alone; told where it is clear
   (`models.roles.clearness`).

Both learn from the `role` column of the labels (`models.roles.names.ROLES`), from behaviour alone:
whom somebody knows decides neither. Where too few victims are labelled there is no such model, and
the rule of thumb of `models.status` stands in.
"""

from __future__ import annotations

from models.roles.learning import learn_roles
from models.roles.names import LAUNDERERS, MEANINGS, NOT_CLEAR, ROLES, VICTIM, known_role
from models.roles.settling import RoleFacts, RoleModel, Settled

__all__ = [
    "LAUNDERERS",
    "MEANINGS",
    "NOT_CLEAR",
    "ROLES",
    "VICTIM",
    "RoleFacts",
    "RoleModel",
    "Settled",
    "known_role",
    "learn_roles",
]
