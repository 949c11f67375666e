"""Who claimed what first is remembered."""

from router.rules.seniority import Claim, Seniority

SHOP: Claim = ("http://shop.org/", "shop")
THIEF: Claim = ("http://shop.org/", "aaa")
OTHER: Claim = ("http://other.org/", "other")


def test_a_claim_seen_earlier_is_older() -> None:
    seniority = Seniority(60)
    assert seniority.note([SHOP], 0)
    assert seniority.note([THIEF, SHOP], 1)
    assert seniority.claims == (SHOP, THIEF)
    assert seniority.places[SHOP] < seniority.places[THIEF]
    assert not seniority.note([THIEF, SHOP], 2)


def test_claims_seen_together_keep_the_order_in_which_they_are_told() -> None:
    seniority = Seniority(60)
    seniority.note([SHOP, OTHER, THIEF], 0)
    assert seniority.claims == (SHOP, OTHER, THIEF)


def test_a_service_that_comes_back_soon_has_its_place_again() -> None:
    seniority = Seniority(60)
    seniority.note([SHOP, THIEF], 0)
    seniority.note([THIEF], 59)
    seniority.note([SHOP, THIEF], 60)
    assert seniority.claims == (SHOP, THIEF)


def test_a_claim_that_nobody_makes_is_forgotten_after_a_while() -> None:
    seniority = Seniority(60)
    seniority.note([SHOP, THIEF], 0)
    assert seniority.note([THIEF], 60)
    seniority.note([SHOP, THIEF], 61)
    assert seniority.claims == (THIEF, SHOP)


def test_claims_from_before_a_restart_are_the_oldest_and_have_their_time_too() -> None:
    seniority = Seniority(60, [SHOP])
    seniority.note([THIEF], 1000)
    assert seniority.claims == (SHOP, THIEF)
    seniority.note([THIEF], 1060)
    assert seniority.claims == (THIEF,)


def test_what_is_not_claimed_any_more_takes_a_bounded_place() -> None:
    seniority = Seniority(60)
    for second in range(30):
        seniority.note([(f"http://{second}-{number}.org/", "x") for number in range(1000)], second)
    assert len(seniority.claims) == 11_000
